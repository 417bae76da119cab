"""PyTorch's own depthwise convolution: its padding, and how its batches lie in memory."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
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


class ConvFunction(Function):
    """A convolution with a backward pass of its own, which begins from input, kernel, dilation."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep what the backward pass needs."""
        x, weight, _, ctx.dilation = inputs
        ctx.save_for_backward(x, weight)


_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def memory_format_of(x: Tensor) -> torch.memory_format:
    """Return the format of ``x``, (B, C, *lengths): channels last, or contiguous if in doubt."""
    channels_last = _CHANNELS_LAST[x.dim()]
    if not x.is_contiguous() and x.is_contiguous(memory_format=channels_last):
        return channels_last
    return torch.contiguous_format


def to_channels_last(x: Tensor) -> Tensor:
    """Return ``x``, (B, C, *lengths), with its channels contiguous in memory."""
    return x.contiguous(memory_format=_CHANNELS_LAST[x.dim()])
