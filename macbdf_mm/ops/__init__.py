"""Operations that are worth writing anew; torch only."""

from macbdf_mm.ops.depthwise import DepthwiseConv2d, DepthwiseConv3d, depthwise_conv

__all__ = ["DepthwiseConv2d", "DepthwiseConv3d", "depthwise_conv"]
