import pytest
import torch

from macbdf_mm.ops.depthwise.layout import memory_format_of, to_channels_last


@pytest.mark.parametrize(
    ("shape", "channels_last"),
    [((2, 3, 4, 5), torch.channels_last), ((2, 3, 4, 5, 6), torch.channels_last_3d)],
)
def test_format_is_told_from_the_strides(
    shape: tuple[int, ...], channels_last: torch.memory_format
) -> None:
    x = torch.randn(shape)
    assert memory_format_of(x) == torch.contiguous_format
    assert to_channels_last(x).is_contiguous(memory_format=channels_last)
    assert memory_format_of(to_channels_last(x)) == channels_last
    assert memory_format_of(x[..., ::2]) == torch.contiguous_format
