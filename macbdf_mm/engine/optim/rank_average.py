"""Average over processes what ``no_sync`` has kept local."""

from collections.abc import Sequence

import torch
from mmengine.dist import all_reduce_params
from torch import Tensor, nn
from torch.distributed import ProcessGroup

# As DistributedDataParallel's own buckets: the flat copy of a bucket is short-lived memory.
BUCKET_SIZE_MB = 25


def average_over_ranks(
    parameters: Sequence[nn.Parameter], others: Sequence[Tensor], group: ProcessGroup | None
) -> Tensor:
    """Average gradients and other tensors over all processes, in place.

    Args:
        parameters: Parameters whose ``.grad`` is averaged; a missing one counts as zeros, since
            every process must send the same tensors.
        others: More tensors, of the same shapes on every process.
        group: The processes.

    Returns:
        For each parameter whether any process had a gradient for it: shape (P,), above 0 if so.
    """
    device = parameters[0].device
    has_gradient = [float(parameter.grad is not None) for parameter in parameters]
    is_reached = torch.tensor(has_gradient, device=device)
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter, requires_grad=False)
    gradients = [parameter.grad for parameter in parameters]
    tensors = [*gradients, *others, is_reached]
    all_reduce_params(tensors, bucket_size_mb=BUCKET_SIZE_MB, op="mean", group=group)
    return is_reached
