"""Two gradients at the same tensors: kept apart, averaged over processes, read, combined."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from mmengine.dist import all_reduce_params
from torch import Tensor, nn
from torch.distributed import ProcessGroup

# As DistributedDataParallel's own buckets: the flat copy of a bucket is short-lived memory.
BUCKET_SIZE_MB = 25


class TwoGradients:
    """Two gradients at each of some leaf tensors.

    ``.grad`` of a tensor accumulates the multimodal gradient. While the unimodal objective runs
    backward it is exchanged for the other buffer, so each backward pass accumulates in place,
    over as many passes as there are between two updates.

    Args:
        tensors: The leaf tensors, such as an encoder's parameters. Where an objective does not
            reach one, or one is frozen, the gradient is None and counts as zero.
    """

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        self.tensors = list(tensors)
        self.unimodal: list[Tensor | None] = [None] * len(self.tensors)

    @contextmanager
    def collect_unimodal(self) -> Iterator[None]:
        """Let a backward pass inside the context add to the unimodal gradients."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def gram_numbers(self) -> Tensor:
        """Return |g_m|^2, |g_u|^2 and g_m . g_u, shape (3,), float64, on the tensors' device.

        Over all tensors together, as if each gradient were one flat vector; nothing larger than
        one tensor is ever copied.
        """
        multimodal = [tensor.grad for tensor in self.tensors]
        pairs = zip(multimodal, self.unimodal, strict=True)
        dots = [_dot(m, u) for m, u in pairs if m is not None and u is not None]
        device = self.tensors[0].device
        numbers = [_squared_norm(multimodal, device), _squared_norm(self.unimodal, device)]
        return torch.stack([*numbers, _sum(dots, device)])

    def combine(self, weight_m: float, weight_u: float) -> None:
        """Write ``weight_m * g_m + weight_u * g_u`` to ``.grad``, and forget the unimodal ones."""
        pairs = list(zip(self.tensors, self.unimodal, strict=True))
        multimodal = [tensor.grad for tensor, _ in pairs if tensor.grad is not None]
        # Without a conflict both weights are one, and inf * 1 is what a scaler looks for.
        if multimodal and weight_m != 1.0:
            torch._foreach_mul_(multimodal, weight_m)
        both = [
            (tensor.grad, u) for tensor, u in pairs if tensor.grad is not None and u is not None
        ]
        if both:
            torch._foreach_add_([m for m, _ in both], [u for _, u in both], alpha=weight_u)
        for tensor, u in pairs:
            if tensor.grad is None and u is not None:
                tensor.grad = u.mul_(weight_u)
        self.forget()

    def fill_missing(self) -> list[Tensor]:
        """Return the unimodal gradients, with zeros where an objective did not reach a tensor.

        ``.grad`` stays None where neither objective did.
        """
        for index, tensor in enumerate(self.tensors):
            if self.unimodal[index] is not None:
                if tensor.grad is None:
                    tensor.grad = torch.zeros_like(tensor, requires_grad=False)
            elif tensor.requires_grad:
                self.unimodal[index] = torch.zeros_like(tensor, requires_grad=False)
        return [u for u in self.unimodal if u is not None]

    def forget(self) -> None:
        """Drop the unimodal gradients."""
        self.unimodal = [None] * len(self.tensors)

    def _exchange(self) -> None:
        for index, tensor in enumerate(self.tensors):
            tensor.grad, self.unimodal[index] = self.unimodal[index], tensor.grad


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


def read_together(*tensors: Tensor) -> list[list[float]]:
    """Return the values of each tensor, flat, in one transfer from the device.

    Args:
        *tensors: Of any shape and floating-point type.
    """
    flat = torch.cat([tensor.detach().flatten().double() for tensor in tensors]).tolist()
    values, start = [], 0
    for tensor in tensors:
        values.append(flat[start : start + tensor.numel()])
        start += tensor.numel()
    return values


def _squared_norm(gradients: list[Tensor | None], device: torch.device) -> Tensor:
    there = [gradient for gradient in gradients if gradient is not None]
    if not there:
        return torch.zeros((), dtype=torch.float64, device=device)
    norms = torch._foreach_norm(there, 2, dtype=torch.float64)
    return torch.stack(list(norms)).square().sum()


def _dot(first: Tensor, second: Tensor) -> Tensor:
    return torch.dot(first.flatten().double(), second.flatten().double())


def _sum(numbers: list[Tensor], device: torch.device) -> Tensor:
    if not numbers:
        return torch.zeros((), dtype=torch.float64, device=device)
    return torch.stack(numbers).sum()
