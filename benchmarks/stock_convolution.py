"""PyTorch's own layer in place of a depthwise convolution of ours."""

from typing import Any

from torch import nn

from macbdf_mm.ops import DepthwiseConv2d, DepthwiseConv3d


def stock_convolution(conv: DepthwiseConv2d | DepthwiseConv3d) -> nn.Conv2d | nn.Conv3d:
    """Return ``nn.Conv2d`` or ``nn.Conv3d`` with the settings and the weights of ``conv``."""
    settings: dict[str, Any] = {
        "kernel_size": conv.kernel_size,
        "padding": conv.padding,
        "dilation": conv.dilation,
        "groups": conv.groups,
        "bias": conv.bias is not None,
    }
    layer = nn.Conv3d if isinstance(conv, DepthwiseConv3d) else nn.Conv2d
    stock = layer(conv.in_channels, conv.out_channels, **settings).to(conv.weight)
    stock.load_state_dict(conv.state_dict())
    return stock
