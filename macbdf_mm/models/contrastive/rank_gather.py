"""Batches joined over the ranks of a distributed run, with their gradient."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import once_differentiable


class _GatherRows(torch.autograd.Function):
    """Rows of all ranks in the order of the ranks; see :func:`gather_rows`."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, sizes: list[int]) -> Tensor:
        rank = dist.get_rank()
        ctx.start, ctx.size, ctx.num_ranks = sum(sizes[:rank]), sizes[rank], len(sizes)
        # Backends gather equal shapes only.
        padded = rows.new_zeros((max(sizes), *rows.shape[1:]))
        padded[: sizes[rank]] = rows
        parts = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        # All ranks hold the same gradient, so its sum over them needs no communication.
        return grad[ctx.start : ctx.start + ctx.size] * ctx.num_ranks, None


def gather_rows(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Return each tensor with the rows of all ranks, rank 0 first.

    Without a distributed run, or with one rank, the tensors themselves come back. Ranks may
    hold different numbers of rows. For the gradient to be right, every rank has to compute
    the same loss from the gathered rows, and parameters' gradients have to be averaged over
    the ranks, as DistributedDataParallel does: then they equal those of one process that
    holds all rows. The backward pass does not communicate, so it may run any number of times.

    Args:
        *tensors: (N, ...) of any dtype that the backend can gather (not bool), with the same N.

    Raises:
        ValueError: If the tensors differ in their number of rows.
    """
    lengths = {len(tensor) for tensor in tensors}
    if len(lengths) > 1:
        raise ValueError(f"Expected tensors with the same number of rows, got {sorted(lengths)}.")
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return tensors
    length = torch.tensor([lengths.pop()], device=tensors[0].device)
    gathered = [torch.empty_like(length) for _ in range(dist.get_world_size())]
    dist.all_gather(gathered, length)
    sizes = torch.cat(gathered).tolist()
    return tuple(_GatherRows.apply(tensor, sizes) for tensor in tensors)
