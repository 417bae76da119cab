import torch
from scipy import ndimage

from macbdf_mm.ops.depthwise.stock import stock_conv


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
