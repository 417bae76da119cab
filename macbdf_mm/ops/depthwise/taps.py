"""Which taps of a kernel can reach the input at all."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F


def effective_kernel_size(kernel_size: int, dilation: int, length: int) -> int:
    """Return how many central taps of a same-padded odd kernel can read the input.

    A tap whose offset is at least the length of the axis reads padding wherever it is
    applied, so that it adds nothing to any output.

    Args:
        kernel_size: Number of taps, odd.
        dilation: Distance between two taps.
        length: Number of points of the axis.
    """
    reach = max(length - 1, 0) // dilation
    return min(kernel_size, 2 * reach + 1)


def without_idle_axes(
    weight: Tensor, dilation: tuple[int, ...], lengths: Sequence[int]
) -> tuple[Tensor, tuple[int, ...]]:
    """Return kernel and dilation of the same convolution, 1 on axes that only the centre reads.

    There each sub-lattice would be a single point, and most of them padding.

    Args:
        weight: (C, 1, k_1, ..., k_n), odd sizes.
        dilation: Dilation of each spatial axis.
        lengths: Lengths of the input's spatial axes.
    """
    if all(step < length for step, length in zip(dilation, lengths, strict=True)):
        return weight, dilation
    steps = list(dilation)
    for axis, length in enumerate(lengths):
        if steps[axis] >= length:
            steps[axis] = 1
            weight = weight.narrow(axis + 2, weight.shape[axis + 2] // 2, 1)
    return weight, tuple(steps)


def trim_kernel(weight: Tensor, dilation: Sequence[int], lengths: Sequence[int]) -> Tensor:
    """Return the view of a kernel that holds only the taps that can read the input.

    Args:
        weight: (C, 1, k_1, ..., k_n), odd sizes.
        dilation: Dilation of each spatial axis.
        lengths: Lengths of the input's spatial axes.

    Returns:
        (C, 1, e_1, ..., e_n), the same centre, with e_i <= k_i.
    """
    for axis, (step, length) in enumerate(zip(dilation, lengths, strict=True), start=2):
        size = weight.shape[axis]
        kept = effective_kernel_size(size, step, length)
        if kept < size:
            weight = weight.narrow(axis, (size - kept) // 2, kept)
    return weight


def restore_taps(trimmed: Tensor, kernel_size: Sequence[int]) -> Tensor:
    """Return a trimmed kernel, or its gradient, with zeros for the taps that were left out.

    Args:
        trimmed: (C, 1, e_1, ..., e_n).
        kernel_size: k_1, ..., k_n.
    """
    sizes = trimmed.shape[2:]
    if tuple(sizes) == tuple(kernel_size):
        return trimmed
    padding: list[int] = []
    for size, full in zip(reversed(sizes), reversed(kernel_size), strict=True):
        padding += [(full - size) // 2] * 2
    return F.pad(trimmed, padding)
