"""Operations that are worth writing anew; torch, and Triton where it is there."""

from macbdf_mm.ops.depthwise.choose import use_triton
from macbdf_mm.ops.depthwise.functional import depthwise_conv
from macbdf_mm.ops.depthwise.modules import DepthwiseConv2d, DepthwiseConv3d
from macbdf_mm.ops.linear_layer import Linear, linear

__all__ = ["DepthwiseConv2d", "DepthwiseConv3d", "Linear", "depthwise_conv", "linear", "use_triton"]
