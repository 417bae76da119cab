"""Depthwise convolutions with large and dilated kernels, computed in exact, faster ways."""

from macbdf_mm.ops.depthwise.functional import depthwise_conv
from macbdf_mm.ops.depthwise.modules import DepthwiseConv2d, DepthwiseConv3d
from macbdf_mm.ops.depthwise.triton_switch import use_triton

__all__ = ["DepthwiseConv2d", "DepthwiseConv3d", "depthwise_conv", "use_triton"]
