"""PyTorch's own depthwise convolution, with the padding that keeps the lengths."""

from torch import Tensor
from torch.nn import functional as F


def same_padding(kernel_size: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    """Return how many points to pad on both sides of each axis to keep its length."""
    return tuple((size - 1) // 2 * step for size, step in zip(kernel_size, dilation, strict=True))


def stock_conv(x: Tensor, weight: Tensor, bias: Tensor | None, dilation: tuple[int, ...]) -> Tensor:
    """Return the same-padded depthwise convolution, the shape of ``x``.

    Args:
        x: (B, C, *lengths) with two or three spatial axes, or without B.
        weight: (C, 1, *kernel_size), odd sizes.
        bias: (C,) or None.
        dilation: Dilation of each spatial axis.
    """
    convolve = F.conv3d if weight.dim() == 5 else F.conv2d
    padding = same_padding(weight.shape[2:], dilation)
    return convolve(x, weight, bias, 1, padding, dilation, weight.shape[0])
