"""The convolution of a small lattice as one matrix a channel.

On a lattice of N points a convolution is a linear map from N points to N points: an N x N
matrix a channel that holds each tap on a (block-)diagonal. Multiplying it wastes some
products on zeros, but all three passes become batched matrix products, and those run
several times nearer the processor's limit than a convolution of a few points does.
"""

from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from macbdf_mm.ops.depthwise.lattice import join_points, lattice_lengths, split_points
from macbdf_mm.ops.depthwise.stock import ConvFunction, memory_format_of
from macbdf_mm.ops.depthwise.taps import restore_taps, trim_kernel


@lru_cache(maxsize=256)
@torch.inference_mode(False)  # as in lattice.py: the list outlives the mode it is made in
def toeplitz_index(kernel_size: tuple[int, ...], lengths: tuple[int, ...]) -> Tensor:
    """Return which tap stands where in the matrix, int64, shape (N * N,), row-major.

    Rows are input points, columns output points. Where no tap connects the two stands
    prod(kernel_size), one past the last tap.
    """
    points = torch.tensor(list(product(*map(range, lengths))), device="cpu")  # (N, n)
    offsets = points[:, None] - points[None]  # (N, N, n)
    centre = torch.tensor(kernel_size, device="cpu") // 2
    connected = (offsets.abs() <= centre).all(dim=-1)
    taps = torch.zeros_like(offsets[..., 0])
    for axis, size in enumerate(kernel_size):
        taps = taps * size + offsets[..., axis] + centre[axis]
    return taps.where(connected, prod(kernel_size)).flatten()


def toeplitz_matrix(weight: Tensor, lengths: tuple[int, ...]) -> Tensor:
    """Return the matrices of a same-padded convolution, (C, N, N) with inputs in rows.

    Args:
        weight: (C, 1, *kernel_size), odd sizes.
        lengths: Lengths of the lattice, N = prod(lengths).
    """
    index = toeplitz_index(weight.shape[2:], lengths)
    taps = F.pad(weight.flatten(1), (0, 1))  # (C, K + 1), the last is 0
    return taps.index_select(1, index).view(-1, prod(lengths), prod(lengths))


def tap_sums(matrix: Tensor, kernel_size: tuple[int, ...], lengths: tuple[int, ...]) -> Tensor:
    """Return for each tap the sum over its places in the matrices, (C, 1, *kernel_size).

    It leads from the gradient by the matrices to the gradient by the kernel.

    Args:
        matrix: (C, N, N), laid out as by :func:`toeplitz_matrix`.
        kernel_size: Odd sizes.
        lengths: Lengths of the lattice, N = prod(lengths).
    """
    index = toeplitz_index(kernel_size, lengths)
    sums = matrix.new_zeros(matrix.shape[0], prod(kernel_size) + 1)
    sums = sums.index_add(1, index, matrix.flatten(1))
    return sums[:, :-1].unflatten(1, (1, *kernel_size))


def _to_rows(x: Tensor, dilation: tuple[int, ...]) -> Tensor:
    """Return the sub-lattices as rows, (C, B * S, N), of ``x`` (B, C, *lengths)."""
    lengths = x.shape[2:]
    points = x.flatten(2).transpose(0, 1)  # (C, B, P)
    lattices = split_points(points, lengths, dilation, axis=2)  # (C, B, S * N)
    return lattices.reshape(x.shape[1], -1, prod(lattice_lengths(lengths, dilation)))


def _from_rows(rows: Tensor, x: Tensor, dilation: tuple[int, ...]) -> Tensor:
    """Return the batch of such rows, with the shape and the memory format of ``x``."""
    batch, channels, *lengths = x.shape
    points = join_points(rows.view(channels, batch, -1), lengths, dilation, axis=2)
    y = points.unflatten(2, lengths).transpose(0, 1)
    return y.contiguous(memory_format=memory_format_of(x))


class _ToeplitzConv(ConvFunction):
    """The same-padded convolution by the matrices, (B, C, *lengths).

    The lattice is small after the dilation's split. What the backward pass needs of the matrices
    is made again.

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
        small = lattice_lengths(x.shape[2:], dilation)
        matrix = toeplitz_matrix(trim_kernel(weight, [1] * len(small), small), small)
        rows = _to_rows(x, dilation)
        if bias is None:
            rows = torch.bmm(rows, matrix)
        else:
            rows = torch.baddbmm(bias[:, None, None], rows, matrix)
        return _from_rows(rows, x, dilation)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias, _ = ctx.needs_input_grad
        small = lattice_lengths(x.shape[2:], ctx.dilation)
        kernel = trim_kernel(weight, [1] * len(small), small)
        grad = _to_rows(grads[0], ctx.dilation)
        grad_x = grad_weight = grad_bias = None
        # Autocast around the backward would cast these products, unlike stock's backward.
        with torch.autocast(grad.device.type, enabled=False):
            if needs_x:
                matrix = toeplitz_matrix(kernel, small)
                grad_x = _from_rows(torch.bmm(grad, matrix.mT), x, ctx.dilation)
            if needs_weight:
                products = torch.bmm(_to_rows(x, ctx.dilation).mT, grad)  # (C, N, N)
                grad_weight = tap_sums(products, kernel.shape[2:], small)
                grad_weight = restore_taps(grad_weight, weight.shape[2:])
            if needs_bias:
                grad_bias = grad.sum(dim=(1, 2))
        return grad_x, grad_weight, grad_bias, None


toeplitz_conv = _ToeplitzConv.apply
