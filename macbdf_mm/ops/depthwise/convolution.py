"""A depthwise convolution whose every pass is a forward convolution of dilation 1.

That forward, in channels-last memory, is the one depthwise pass for which PyTorch has a fast
3-D kernel; its dilated forward and its backward go through per-channel im2col instead.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

from macbdf_mm.ops.depthwise.lattice import join_points, lattice_lengths, split_points
from macbdf_mm.ops.depthwise.layout import memory_format_of, to_channels_last
from macbdf_mm.ops.depthwise.stock import stock_conv
from macbdf_mm.ops.depthwise.taps import trim_kernel

# The weight gradient takes so many samples at a time that it has about this many channels:
# more of them at once leave the cache, fewer leave the kernel's blocks unfilled.
_WEIGHT_GRADIENT_CHANNELS = 256


def input_gradient(grad: Tensor, weight: Tensor) -> Tensor:
    """Return the gradient by the input: the convolution by the kernel turned round.

    Args:
        grad: (B, C, *lengths), the output's gradient.
        weight: (C, 1, *kernel_size), odd sizes.
    """
    axes = list(range(2, weight.dim()))
    return stock_conv(to_channels_last(grad), weight.flip(axes), None, [1] * len(axes))


def weight_gradient(x: Tensor, grad: Tensor, kernel_size: Sequence[int]) -> Tensor:
    """Return the gradient by the kernel, shape (C, 1, *kernel_size).

    A tap's gradient is the sum of the products of the output's gradient with the input
    shifted by the tap. So it is a depthwise convolution of the input by that gradient, in
    which each channel of each sample counts as a channel.

    Args:
        x: (B, C, *lengths), the input.
        grad: (B, C, *lengths), the output's gradient.
        kernel_size: Odd sizes.
    """
    channels = x.shape[1]
    chunk = max(1, _WEIGHT_GRADIENT_CHANNELS // channels)
    convolve = F.conv3d if len(kernel_size) == 3 else F.conv2d
    padding = [size // 2 for size in kernel_size]
    total = x.new_zeros(channels, *kernel_size)
    for inputs, grads in zip(x.split(chunk), grad.split(chunk), strict=True):
        planes = inputs.flatten(0, 1)[None]  # (1, b * C, *lengths)
        kernels = grads.flatten(0, 1)[:, None]  # (b * C, 1, *lengths)
        taps = convolve(planes, kernels, None, 1, padding, 1, planes.shape[1])
        total = total + taps.view(-1, channels, *kernel_size).sum(dim=0)
    return total[:, None]


class _ForwardOnlyConv(Function):
    """A convolution of dilation 1 with the two gradients above."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        y = stock_conv(to_channels_last(x), weight, bias, [1] * (x.dim() - 2))
        return y.contiguous(memory_format=memory_format_of(x))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, weight, _ = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        # Autocast around the backward would cast these convolutions, unlike stock's backward.
        with torch.autocast(grad.device.type, enabled=False):
            return (
                input_gradient(grad, weight) if needs_x else None,
                weight_gradient(x, grad, weight.shape[2:]) if needs_weight else None,
                grad.flatten(2).sum(dim=(0, 2)) if needs_bias else None,
            )


def forward_only_conv(
    x: Tensor, weight: Tensor, bias: Tensor | None, dilation: Sequence[int]
) -> Tensor:
    """Return the same-padded depthwise convolution, shape (B, C, *lengths).

    Args:
        x: (B, C, *lengths), on the CPU.
        weight: (C, 1, *kernel_size), odd sizes.
        bias: (C,) or None.
        dilation: Dilation of each spatial axis.
    """
    if max(dilation) == 1:
        return _ForwardOnlyConv.apply(x, trim_kernel(weight, dilation, x.shape[2:]), bias)
    batch, channels, *lengths = x.shape
    small = lattice_lengths(lengths, dilation)
    weight = trim_kernel(weight, [1] * len(small), small)
    tokens = x.flatten(2).transpose(1, 2).contiguous()  # (B, P, C)
    tokens = split_points(tokens, lengths, dilation, axis=1)
    lattices = tokens.view(-1, *small, channels).movedim(-1, 1)
    y = _ForwardOnlyConv.apply(lattices, weight, bias)
    tokens = y.movedim(1, -1).reshape(batch, -1, channels)
    tokens = join_points(tokens, lengths, dilation, axis=1)
    y = tokens.transpose(1, 2).unflatten(2, lengths)
    return y.contiguous(memory_format=memory_format_of(x))
