import pytest
import torch
from scipy import ndimage

from macbdf_mm.ops.depthwise.stock import memory_format_of, stock_conv, to_channels_last


def test_each_channel_is_correlated_with_its_own_kernel() -> None:
    x = torch.randn(2, 3, 4, 6, dtype=torch.float64)
    weight = torch.randn(3, 1, 3, 5, dtype=torch.float64)
    bias = torch.randn(3, dtype=torch.float64)
    y = stock_conv(x, weight, bias, (1, 1))
    for sample in range(2):
        for channel in range(3):
            expected = ndimage.correlate(
                x[sample, channel].numpy(), weight[channel, 0].numpy(), mode="constant"
            )
            torch.testing.assert_close(
                y[sample, channel], torch.from_numpy(expected) + bias[channel]
            )


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
