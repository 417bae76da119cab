import pytest
import torch
from torch import nn

from benchmarks.stock_convolution import stock_convolution
from macbdf_mm.ops import DepthwiseConv2d, DepthwiseConv3d


@pytest.mark.parametrize(
    ("conv", "kind", "size"),
    [
        (DepthwiseConv2d(3, 5, dilation=2), nn.Conv2d, (7, 8)),
        (DepthwiseConv3d(3, (3, 5, 1), dilation=(1, 3, 1), bias=False), nn.Conv3d, (4, 7, 5)),
    ],
)
def test_layer_is_pytorchs_with_the_same_result(
    conv: DepthwiseConv2d | DepthwiseConv3d, kind: type[nn.Module], size: tuple[int, ...]
) -> None:
    stock = stock_convolution(conv)
    assert type(stock) is kind
    x = torch.randn(2, 3, *size)
    torch.testing.assert_close(stock(x), conv(x), rtol=1e-4, atol=1e-5)
