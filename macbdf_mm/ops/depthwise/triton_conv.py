"""The depthwise convolution by Triton kernels: forward, input gradient, weight gradient.

Correct in Triton's interpreter; never timed on a GPU yet, so :mod:`choose` has it off.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from macbdf_mm.ops.depthwise.stock import ConvFunction, memory_format_of
from macbdf_mm.ops.depthwise.taps import restore_taps, trim_kernel

# Guesses: a program holds 32 x 64 float32 sums. Nobody has tuned them.
_BLOCK_POINTS = 32
_MOST_BLOCK_CHANNELS = 64
# Parts of the points that the weight gradient is summed over at once.
_POINTS_PER_PART = 4096


def _to_map(x: Tensor) -> Tensor:
    """Return (B, T, H, W, C), contiguous, of ``x`` (B, C, T, H, W), or of (B, C, H, W) as T=1."""
    if x.dim() == 4:
        x = x[:, :, None]
    return x.movedim(1, -1).contiguous()


def _from_map(tokens: Tensor, like: Tensor) -> Tensor:
    """Return the map with the shape and the memory format of ``like``."""
    x = tokens.movedim(-1, 1)
    if like.dim() == 4:
        x = x[:, :, 0]
    return x.contiguous(memory_format=memory_format_of(like))


def _to_triple(values: tuple[int, ...]) -> tuple[int, int, int]:
    """Return sizes of three axes; two stand for a map of one time step."""
    *first, height, width = values
    return (first[0] if first else 1), height, width


def convolve_map(
    tokens: Tensor, weight: Tensor, bias: Tensor | None, dilation: tuple[int, int, int]
) -> Tensor:
    """Return the same-padded convolution of a map, (B, T, H, W, C).

    Args:
        tokens: (B, T, H, W, C), contiguous.
        weight: (C, 1, *kernel_size), odd sizes, two or three.
        bias: (C,) or None.
        dilation: Dilation of the three axes.
    """
    import triton  # here: a machine without it can still import the package

    from macbdf_mm.ops.depthwise.triton_kernels import convolve_kernel

    channels = tokens.shape[-1]
    num_points = tokens.numel() // channels
    block_channels = min(_MOST_BLOCK_CHANNELS, triton.next_power_of_2(channels))
    grid = (triton.cdiv(num_points, _BLOCK_POINTS), triton.cdiv(channels, block_channels))
    y = torch.empty_like(tokens)
    with torch.cuda.device_of(tokens):  # Triton starts kernels on the current device
        convolve_kernel[grid](
            tokens,
            weight.flatten(1).t().contiguous(),  # (taps, C)
            bias if bias is not None else weight,
            y,
            num_points,
            *tokens.shape[1:],
            *_to_triple(tuple(weight.shape[2:])),
            *dilation,
            HAS_BIAS=bias is not None,
            BLOCK_POINTS=_BLOCK_POINTS,
            BLOCK_CHANNELS=block_channels,
        )
    return y


def map_weight_gradient(
    tokens: Tensor, grad: Tensor, kernel_size: tuple[int, ...], dilation: tuple[int, int, int]
) -> Tensor:
    """Return the gradient by the kernel, (C, 1, *kernel_size) float32.

    Args:
        tokens: (B, T, H, W, C), contiguous, the input.
        grad: The same of the output's gradient.
        kernel_size: Odd sizes, two or three.
        dilation: Dilation of the three axes.
    """
    import triton

    from macbdf_mm.ops.depthwise.triton_kernels import weight_gradient_kernel

    channels = tokens.shape[-1]
    num_points = tokens.numel() // channels
    num_taps = torch.Size(kernel_size).numel()
    block_channels = min(_MOST_BLOCK_CHANNELS, triton.next_power_of_2(channels))
    points_per_part = min(_POINTS_PER_PART, max(_BLOCK_POINTS, triton.next_power_of_2(num_points)))
    # Up to 2**31 numbers in up to 65535 parts, more than which CUDA does not start on this axis.
    points_per_part = max(points_per_part, triton.next_power_of_2(triton.cdiv(num_points, 65_535)))
    parts = triton.cdiv(num_points, points_per_part)
    partial = tokens.new_empty(parts, num_taps, channels, dtype=torch.float32)
    with torch.cuda.device_of(tokens):
        weight_gradient_kernel[(num_taps, triton.cdiv(channels, block_channels), parts)](
            tokens,
            grad,
            partial,
            num_points,
            *tokens.shape[1:],
            *_to_triple(kernel_size),
            *dilation,
            POINTS_PER_PART=points_per_part,
            BLOCK_POINTS=_BLOCK_POINTS,
            BLOCK_CHANNELS=block_channels,
        )
    return partial.sum(dim=0).t().reshape(channels, 1, *kernel_size)


class _TritonConv(ConvFunction):
    """The same-padded convolution by the kernels, (B, C, *lengths); not differentiable twice.

    Args:
        x: (B, C, *lengths), two or three spatial axes, float32, bfloat16 or float16, on a CUDA
            device (or anywhere in Triton's interpreter).
        weight: (C, 1, *kernel_size), odd sizes, of the type of ``x``.
        bias: (C,) or None, as the weight.
        dilation: Dilation of each spatial axis.
    """

    @staticmethod
    def forward(
        x: Tensor, weight: Tensor, bias: Tensor | None, dilation: tuple[int, ...]
    ) -> Tensor:
        kernel = trim_kernel(weight, dilation, x.shape[2:])
        return _from_map(convolve_map(_to_map(x), kernel, bias, _to_triple(dilation)), x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias, _ = ctx.needs_input_grad
        dilation = _to_triple(ctx.dilation)
        kernel = trim_kernel(weight, ctx.dilation, x.shape[2:])
        grad = _to_map(grads[0])
        grad_x = grad_weight = grad_bias = None
        if needs_x:
            turned = kernel.flip(list(range(2, kernel.dim())))
            grad_x = _from_map(convolve_map(grad, turned, None, dilation), x)
        if needs_weight:
            taps = map_weight_gradient(_to_map(x), grad, tuple(kernel.shape[2:]), dilation)
            grad_weight = restore_taps(taps, weight.shape[2:]).to(weight.dtype)
        if needs_bias:
            grad_bias = grad.flatten(0, -2).sum(dim=0, dtype=torch.float32).to(weight.dtype)
        return grad_x, grad_weight, grad_bias, None


triton_conv = _TritonConv.apply
