"""A depthwise convolution whose every pass is a forward convolution of dilation 1.

That forward, in channels-last memory, is the one depthwise pass for which PyTorch has a fast
3-D kernel; its dilated forward and its backward go through per-channel im2col instead.
"""

from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from macbdf_mm.ops.depthwise.lattice import join_points, lattice_lengths, split_points
from macbdf_mm.ops.depthwise.stock import ConvFunction, memory_format_of, same_padding, stock_conv
from macbdf_mm.ops.depthwise.taps import restore_taps, trim_kernel

# The weight gradient joins so many samples that about this many numbers are convolved at once:
# more of them leave the cache, fewer do not repay the call.
_WEIGHT_GRADIENT_ELEMENTS = 131072
_ONES = {2: (1, 1), 3: (1, 1, 1)}


def to_lattices(x: Tensor, dilation: tuple[int, ...]) -> Tensor:
    """Return the sub-lattices of the dilation as a batch, (B * S, C, *N), channels last.

    Args:
        x: (B, C, *lengths).
        dilation: Dilation of each axis, S = prod(dilation).
    """
    channels, lengths = x.shape[1], x.shape[2:]
    tokens = x.flatten(2).transpose(1, 2).contiguous()  # (B, P, C)
    tokens = split_points(tokens, lengths, dilation, axis=1)
    return tokens.view(-1, *lattice_lengths(lengths, dilation), channels).movedim(-1, 1)


def from_lattices(x: Tensor, lengths: tuple[int, ...], dilation: tuple[int, ...]) -> Tensor:
    """Return the batch (B, C, *lengths) of such sub-lattices, channels last.

    Args:
        x: As :func:`to_lattices` returns it.
        lengths: Lengths of the whole lattice.
        dilation: As there.
    """
    batch, channels = x.shape[0] // prod(dilation), x.shape[1]
    tokens = x.movedim(1, -1).reshape(batch, -1, channels)
    tokens = join_points(tokens, lengths, dilation, axis=1)
    return tokens.view(batch, *lengths, channels).movedim(-1, 1)


def input_gradient(grad: Tensor, weight: Tensor) -> Tensor:
    """Return the gradient by the input: the convolution by the kernel turned round.

    Args:
        grad: (B, C, *lengths), the output's gradient, channels last.
        weight: (C, 1, *kernel_size), odd sizes.
    """
    num_axes = weight.dim() - 2
    return stock_conv(grad, weight.flip(list(range(2, weight.dim()))), None, _ONES[num_axes])


def weight_gradient(x: Tensor, grad: Tensor, kernel_size: tuple[int, ...]) -> Tensor:
    """Return the gradient by the kernel, shape (C, 1, *kernel_size).

    A tap's gradient is the sum of the products of the output's gradient with the input
    shifted by the tap. So it is a depthwise convolution of the input by that gradient, in
    which each channel of each sample counts as a channel.

    Args:
        x: (B, C, *lengths), the input.
        grad: (B, C, *lengths), the output's gradient.
        kernel_size: Odd sizes.
    """
    convolve = F.conv3d if len(kernel_size) == 3 else F.conv2d
    padding = same_padding(kernel_size, _ONES[len(kernel_size)])
    chunk = max(1, _WEIGHT_GRADIENT_ELEMENTS // x[0].numel())
    parts = []
    for inputs, grads in zip(x.split(chunk), grad.split(chunk), strict=True):
        planes = _join_samples(inputs)
        kernels = _join_samples(grads)[0][:, None]  # (b * C, 1, *lengths)
        taps = convolve(planes, kernels, None, 1, padding, 1, planes.shape[1])
        parts.append(taps.view(-1, x.shape[1], *kernel_size).sum(dim=0))
    return (parts[0] if len(parts) == 1 else torch.stack(parts).sum(dim=0))[:, None]


def _join_samples(x: Tensor) -> Tensor:
    """Return (1, b * C, *lengths), channels last, of ``x`` (b, C, *lengths)."""
    points = x.movedim((0, 1), (-2, -1))  # (*lengths, b, C)
    # By a view, not by [None]: an axis of length 1 has to have the stride of a whole sample, or
    # the memory format is not recognised.
    return points.reshape(1, *x.shape[2:], -1).movedim(-1, 1)


class _ForwardOnlyConv(ConvFunction):
    """The same-padded convolution on sub-lattices, (B, C, *lengths), with the two gradients above.

    The sub-lattices of the input are made again in the backward pass: that takes a tenth of
    it, and saving them would take the memory of a second input.

    Args:
        x: (B, C, *lengths), two or three spatial axes, on the CPU.
        weight: (C, 1, *kernel_size), odd sizes.
        bias: (C,) or None.
        dilation: Dilation of each spatial axis.
    """

    @staticmethod
    def forward(
        x: Tensor, weight: Tensor, bias: Tensor | None, dilation: tuple[int, ...]
    ) -> Tensor:
        lattices = to_lattices(x, dilation)
        ones = _ONES[len(dilation)]
        y = stock_conv(lattices, trim_kernel(weight, ones, lattices.shape[2:]), bias, ones)
        y = from_lattices(y, x.shape[2:], dilation)
        return y.contiguous(memory_format=memory_format_of(x))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias, _ = ctx.needs_input_grad
        lattices = to_lattices(grad, ctx.dilation)
        kernel = trim_kernel(weight, _ONES[len(ctx.dilation)], lattices.shape[2:])
        grad_x = grad_weight = grad_bias = None
        # Autocast around the backward would cast these convolutions, unlike stock's backward.
        with torch.autocast(grad.device.type, enabled=False):
            if needs_x:
                grad_x = from_lattices(input_gradient(lattices, kernel), x.shape[2:], ctx.dilation)
            if needs_weight:
                inputs = to_lattices(x, ctx.dilation)
                grad_weight = weight_gradient(inputs, lattices, kernel.shape[2:])
                grad_weight = restore_taps(grad_weight, weight.shape[2:])
            if needs_bias:
                grad_bias = lattices.movedim(1, -1).flatten(0, -2).sum(dim=0)
        return grad_x, grad_weight, grad_bias, None


forward_only_conv = _ForwardOnlyConv.apply
