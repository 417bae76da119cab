"""Space to batch: a dilated convolution as dilation-1 convolutions of sub-lattices.

With dilation d a point only ever meets the points whose coordinates leave the same
remainder modulo d. Each of the d^n remainders is a lattice of its own, d times shorter on
every axis, on which the convolution has dilation 1.

Points are moved by index lists: a gather of flat points is several times faster than
copying a permuted view of seven or eight short axes.
"""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F


@lru_cache(maxsize=256)
def lattice_lengths(lengths: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    """Return the lengths of the sub-lattices, the shorter ones padded to the longest."""
    return tuple(-(-length // step) for length, step in zip(lengths, dilation, strict=True))


# The lists outlive the mode they are first asked for in, and an inference tensor could never be
# saved for a backward pass.
@lru_cache(maxsize=256)
@torch.inference_mode(False)
def lattice_index(lengths: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Return where the points of the sub-lattices come from, and where they went.

    Args:
        lengths: Lengths of the whole lattice, P points.
        dilation: Dilation of each axis; S = prod(dilation) sub-lattices of N points.

    Returns:
        int64 (S * N,), for each place of the sub-lattices the point that stands there, P for
        padding; and int64 (P,), for each point its place.
    """
    num_axes = len(lengths)
    num_points = int(torch.Size(lengths).numel())
    points = torch.arange(num_points, device="cpu").view(lengths)
    padding: list[int] = []
    for length, step in zip(reversed(lengths), reversed(dilation), strict=True):
        padding += [0, -length % step]
    points = F.pad(points, padding, value=num_points)
    for axis in reversed(range(num_axes)):
        points = points.unflatten(axis, (-1, dilation[axis]))
    # (M_1, d_1, ..., M_n, d_n) -> (d_1, ..., d_n, M_1, ..., M_n)
    order = [*range(1, 2 * num_axes, 2), *range(0, 2 * num_axes, 2)]
    split = points.permute(order).flatten()
    join = split.argsort()[:num_points]
    return split, join


def split_points(x: Tensor, lengths: Sequence[int], dilation: Sequence[int], axis: int) -> Tensor:
    """Return ``x`` with the points of each sub-lattice together, and zeros for padding.

    Args:
        x: P points on ``axis``.
        lengths: Lengths of the lattice, P = prod(lengths).
        dilation: Dilation of each axis.
        axis: Where the points are.

    Returns:
        The shape of ``x`` with S * N points, S = prod(dilation) lattices of
        N = prod(lattice_lengths(lengths, dilation)) points.
    """
    if max(dilation) == 1:
        return x
    split, join = lattice_index(tuple(lengths), tuple(dilation))
    if split.numel() > join.numel():
        # One point more, a zero, for the padding to read.
        one = [1 if place == axis else size for place, size in enumerate(x.shape)]
        x = torch.cat([x, x.new_zeros(one)], dim=axis)
    return _select(x, split, axis)


def join_points(x: Tensor, lengths: Sequence[int], dilation: Sequence[int], axis: int) -> Tensor:
    """Return the points in the order of the whole lattice, the inverse of the split."""
    if max(dilation) == 1:
        return x
    _, join = lattice_index(tuple(lengths), tuple(dilation))
    return _select(x, join, axis)


def _select(x: Tensor, index: Tensor, axis: int) -> Tensor:
    if axis < x.dim() - 1:
        return x.index_select(axis, index)
    # Along the last axis the fast path of index_select takes matrices only.
    return x.reshape(-1, x.shape[-1]).index_select(1, index).unflatten(0, x.shape[:-1])
