import pytest
import torch

from macbdf_mm.ops.depthwise.taps import effective_kernel_size, restore_taps, trim_kernel


@pytest.mark.parametrize("kernel_size", [1, 3, 5, 7, 9])
@pytest.mark.parametrize("dilation", [1, 2, 3, 4])
@pytest.mark.parametrize("length", [1, 2, 3, 8, 14])
def test_effective_size_counts_the_taps_that_meet_a_point(
    kernel_size: int, dilation: int, length: int
) -> None:
    offsets = [dilation * (tap - kernel_size // 2) for tap in range(kernel_size)]
    meets = [any(0 <= point + offset < length for point in range(length)) for offset in offsets]
    assert effective_kernel_size(kernel_size, dilation, length) == sum(meets)


def test_nine_taps_at_dilation_four_keep_a_fifth_on_the_video_lattice() -> None:
    weight = torch.randn(2, 1, 9, 9, 9)
    trimmed = trim_kernel(weight, (4, 4, 4), (8, 14, 14))
    assert trimmed[0].numel() == 147
    torch.testing.assert_close(trimmed, weight[:, :, 3:6, 1:8, 1:8], rtol=0, atol=0)


def test_trimming_is_a_view_that_keeps_the_full_gradient_shape() -> None:
    weight = torch.randn(1, 1, 7, 7, requires_grad=True)
    trim_kernel(weight, (1, 1), (2, 9)).sum().backward()
    assert weight.grad is not None
    assert weight.grad.sum() == 3 * 7


def test_restoring_puts_zeros_where_taps_were_left_out() -> None:
    weight = torch.randn(2, 1, 5, 7)
    trimmed = trim_kernel(weight, (1, 3), (2, 6))
    assert trimmed.shape == (2, 1, 3, 3)
    restored = restore_taps(trimmed, (5, 7))
    assert restored.shape == weight.shape
    torch.testing.assert_close(restored[:, :, 1:4, 2:5], trimmed, rtol=0, atol=0)
    assert restored.count_nonzero() == trimmed.numel()
    assert restore_taps(weight, (5, 7)) is weight
