"""The convolution of a small lattice as one matrix a channel.

On a lattice of N points a convolution is a linear map from N points to N points: an N x N
matrix a channel that holds each tap on a (block-)diagonal. Multiplying it wastes some
products on zeros, but all three passes become batched matrix products, and those run
several times nearer the processor's limit than a convolution of a few points does.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from math import prod

import torch
from torch import Tensor
from torch.nn import functional as F

from macbdf_mm.ops.depthwise.lattice import join_points, lattice_lengths, split_points
from macbdf_mm.ops.depthwise.layout import memory_format_of
from macbdf_mm.ops.depthwise.taps import trim_kernel


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


def toeplitz_matrix(weight: Tensor, lengths: Sequence[int]) -> Tensor:
    """Return the matrices of a same-padded convolution, (C, N, N) with inputs in rows.

    Args:
        weight: (C, 1, *kernel_size), odd sizes.
        lengths: Lengths of the lattice, N = prod(lengths).
    """
    index = toeplitz_index(tuple(weight.shape[2:]), tuple(lengths))
    taps = F.pad(weight.flatten(1), (0, 1))  # (C, K + 1), the last is 0
    return taps.index_select(1, index).view(-1, prod(lengths), prod(lengths))


def toeplitz_conv(
    x: Tensor, weight: Tensor, bias: Tensor | None, dilation: Sequence[int]
) -> Tensor:
    """Return the same-padded depthwise convolution, shape (B, C, *lengths).

    Args:
        x: (B, C, *lengths), on the CPU. The lattice is small after the dilation's split.
        weight: (C, 1, *kernel_size), odd sizes.
        bias: (C,) or None.
        dilation: Dilation of each spatial axis.
    """
    channels, lengths = x.shape[1], x.shape[2:]
    small = lattice_lengths(lengths, dilation)
    matrix = toeplitz_matrix(trim_kernel(weight, [1] * len(small), small), small)
    points = x.flatten(2).transpose(0, 1)  # (C, B, P)
    lattices = split_points(points, lengths, dilation, axis=2)  # (C, B, S * N)
    rows = lattices.reshape(channels, -1, prod(small))
    if bias is None:
        rows = torch.bmm(rows, matrix)
    else:
        rows = torch.baddbmm(bias[:, None, None], rows, matrix)
    points = join_points(rows.view(lattices.shape), lengths, dilation, axis=2)
    y = points.unflatten(2, lengths).transpose(0, 1)
    return y.contiguous(memory_format=memory_format_of(x))
