"""Operations that are worth writing anew; torch only."""

from macbdf_mm.ops.depthwise import DepthwiseConv2d, DepthwiseConv3d, depthwise_conv
from macbdf_mm.ops.linear_layer import Linear, linear

__all__ = ["DepthwiseConv2d", "DepthwiseConv3d", "Linear", "depthwise_conv", "linear"]
