"""The depthwise convolutions as functions."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from macbdf_mm.ops.depthwise.taps import trim_kernel


def depthwise_conv(
    x: Tensor, weight: Tensor, bias: Tensor | None, dilation: Sequence[int]
) -> Tensor:
    """Return the same-padded depthwise convolution of ``x``, shape (B, C, *lengths).

    Args:
        x: (B, C, *lengths) with two or three spatial axes.
        weight: (C, 1, *kernel_size), odd sizes.
        bias: (C,) or None.
        dilation: Dilation of each spatial axis.
    """
    if not torch.onnx.is_in_onnx_export():
        weight = trim_kernel(weight, dilation, x.shape[2:])
    padding = [
        (size - 1) // 2 * step for size, step in zip(weight.shape[2:], dilation, strict=True)
    ]
    convolve = F.conv3d if x.dim() == 5 else F.conv2d
    return convolve(x, weight, bias, 1, padding, list(dilation), x.shape[1])
