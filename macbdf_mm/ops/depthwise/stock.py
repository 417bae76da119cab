"""PyTorch's own depthwise convolution, with the padding that keeps the lengths."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F


def stock_conv(x: Tensor, weight: Tensor, bias: Tensor | None, dilation: Sequence[int]) -> Tensor:
    """Return the same-padded depthwise convolution, the shape of ``x``.

    Args:
        x: (B, C, *lengths) with two or three spatial axes, or without B.
        weight: (C, 1, *kernel_size), odd sizes.
        bias: (C,) or None.
        dilation: Dilation of each spatial axis.
    """
    sizes = weight.shape[2:]
    padding = [(size - 1) // 2 * step for size, step in zip(sizes, dilation, strict=True)]
    convolve = F.conv3d if len(sizes) == 3 else F.conv2d
    return convolve(x, weight, bias, 1, padding, tuple(dilation), weight.shape[0])
