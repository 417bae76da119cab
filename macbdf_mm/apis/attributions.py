"""How much each number of an input moves a score: plain gradients and integrated gradients."""

from collections.abc import Callable
from importlib.util import find_spec

import torch
from torch import Tensor

Score = Callable[..., Tensor]
"""Inputs with a batch axis -> one score for each sample, (B,)."""

NUM_POINTS = 24
"""Points of the path of integrated gradients. On a window of a trained demo model, their sum misses
the difference of the scores by 6 % of it with 16 points, and by 0.1 % with 32."""

# Samples in memory at one time; each holds all of a forward pass.
_BATCH_SIZE = 4


def has_captum() -> bool:
    """Return whether captum (extra ``explain``) is installed."""
    return find_spec("captum") is not None


def gradients(score: Score, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return the gradient of a sample's score with respect to each of its inputs.

    Args:
        score: The score; samples of a batch do not depend on each other.
        inputs: Tensors with a batch axis.
    """
    leaves = tuple(tensor.detach().requires_grad_() for tensor in inputs)
    with torch.enable_grad():
        total = score(*leaves).sum()
        # An input on which the score does not depend has no gradient: it moves nothing.
        found = torch.autograd.grad(total, leaves, allow_unused=True)
    pairs = zip(leaves, found, strict=True)
    return tuple(torch.zeros_like(leaf) if grad is None else grad for leaf, grad in pairs)


def integrated_gradients(
    score: Score, inputs: tuple[Tensor, ...], num_points: int = NUM_POINTS
) -> tuple[Tensor, ...]:
    """Return integrated gradients (Sundararajan et al., 2017) from inputs of zeros, by captum.

    They add up to the difference between the score of the inputs and that of zeros. Gradients
    alone are flat where a score is saturated, and have no unit in common for pixels and sound.

    Args:
        score: The score; samples of a batch do not depend on each other.
        inputs: Tensors with a batch axis of 1.
        num_points: Points of the path.
    """
    from captum.attr import IntegratedGradients

    with torch.enable_grad():
        found: tuple[Tensor, ...] = IntegratedGradients(score).attribute(
            inputs, n_steps=num_points, internal_batch_size=_BATCH_SIZE
        )
    return found
