"""Operations of the detector that ONNX has none of, in terms of those that it has.

Both take a number of steps that grows with the logarithm of the size, so the graph stays small.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def cumulative_maximum(values: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Return the largest value so far along a dimension, as ``torch.cummax``; no places."""
    return _cumulative(torch.maximum, values, dim), torch.zeros_like(values)


def cumulative_minimum(values: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Return the smallest value so far along a dimension, as ``torch.cummin``; no places."""
    return _cumulative(torch.minimum, values, dim), torch.zeros_like(values)


def solve_lower_triangular(
    a: Tensor, b: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """Return X of ``a`` X = ``b``, as ``torch.linalg.solve_triangular``.

    By the inverse, which is put together from the inverses of diagonal blocks of 1, 2, 4, ...
    rows: that of [[A, 0], [C, B]] is [[A^-1, 0], [-B^-1 C A^-1, B^-1]].

    Args:
        a: (N, N), lower triangular.
        b: (N, M).
        upper: As ``torch.linalg.solve_triangular`` takes it; so are the others.
        left: Only on the left.
        unitriangular: Only with a diagonal that is read.

    Raises:
        NotImplementedError: If it is asked for anything else.
    """
    if upper or not left or unitriangular or a.dim() != 2:
        raise NotImplementedError("only one lower triangular matrix on the left is solved for")
    num_rows = a.shape[0]
    size = 1 << (num_rows - 1).bit_length()
    padding = size - num_rows
    ones = torch.cat([a.new_zeros(num_rows), a.new_ones(padding)])
    padded = F.pad(a, (0, padding, 0, padding)) + torch.diag(ones)
    inverse = 1 / padded.diagonal().reshape(size, 1, 1)
    step = 1
    while step < size:
        num_pairs = size // (2 * step)
        blocks = padded.reshape(num_pairs, 2, step, num_pairs, 2, step)
        below = blocks[:, 1, :, :, 0].diagonal(dim1=0, dim2=2).permute(2, 0, 1)  # (pair, row, col)
        first, second = inverse[0::2], inverse[1::2]
        inverse = torch.cat(
            [
                torch.cat([first, torch.zeros_like(first)], -1),
                torch.cat([-second @ below @ first, second], -1),
            ],
            -2,
        )
        step *= 2
    return inverse[0][:num_rows, :num_rows] @ b


DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    torch.ops.aten.cummax.default: cumulative_maximum,
    torch.ops.aten.cummin.default: cumulative_minimum,
    torch.ops.aten.linalg_solve_triangular.default: solve_lower_triangular,
}
"""By operation of PyTorch."""


def _cumulative(larger: Callable[[Tensor, Tensor], Tensor], values: Tensor, dim: int) -> Tensor:
    """Return the extreme value so far: each step doubles how far back it looks."""
    size, reach = values.shape[dim], 1
    while reach < size:
        rest = size - reach
        ahead = larger(values.narrow(dim, reach, rest), values.narrow(dim, 0, rest))
        values = torch.cat([values.narrow(dim, 0, reach), ahead], dim)
        reach *= 2
    return values
