"""How far an embedding lies from its cluster: Mahalanobis and cosine together, Eq. 9."""

import torch
import torch.nn.functional as F
from torch import Tensor

# Keeps the root differentiable for an embedding that sits on its centre.
_TINY_SQUARE = 1e-12


def mahalanobis_distance(x: Tensor, centres: Tensor, cholesky: Tensor) -> Tensor:
    """Return sqrt((x - c)^T Sigma^-1 (x - c)) for each pair of embedding and centre, (N, K).

    Sigma = L L^T is never inverted: one triangular solve gives L^-1 (x - c), whose length it is.

    Args:
        x: Embeddings, (N, D).
        centres: (K, D).
        cholesky: L, (D, D), lower triangular.
    """
    offsets = x[:, None] - centres  # (N, K, D)
    return _whitened_length(offsets.flatten(0, 1), cholesky).view(offsets.shape[:2])


def nearest_centre(
    x: Tensor, centres: Tensor, cholesky: Tensor, is_active: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the Mahalanobis distance to the nearest centre, (N,), and its index, (N,).

    Args:
        x: Embeddings, (N, D).
        centres: (K, D).
        cholesky: (D, D), lower triangular.
        is_active: (K,) bool, False for rows of ``centres`` that hold no centre.
    """
    distances = mahalanobis_distance(x, centres, cholesky)
    nearest = distances.masked_fill(~is_active, torch.inf).min(dim=1)
    return nearest.values, nearest.indices


def composite_distance(
    x: Tensor,
    centres: Tensor,
    cholesky: Tensor,
    max_distance: Tensor,
    is_active: Tensor,
    beta: float = 0.5,
) -> Tensor:
    """Return D = beta d / d_max + (1 - beta) (1 - cos(x, c)) of Eq. 9, shape (N,).

    c is the centre nearest by Mahalanobis, d the distance to it. The gradient runs through x,
    none through the centres. Eq. 9 takes the largest d of the features at hand for d_max, which
    is 1 at B = 1; here it is a stored number, and D has no upper bound.

    Args:
        x: Embeddings, (N, D), float32.
        centres: (K, D).
        cholesky: Of the pooled covariance within the clusters, (D, D), lower triangular.
        max_distance: d_max, shape (), positive.
        is_active: (K,) bool, False for rows of ``centres`` that hold no centre.
        beta: Share of the Mahalanobis part, in [0, 1].
    """
    # Copies: the caller may move its buffers between this and the backward pass.
    centres, cholesky = centres.detach().clone(), cholesky.detach().clone()
    with torch.no_grad():
        _, index = nearest_centre(x, centres, cholesky, is_active)
    own = centres[index]  # (N, D)
    distance = _whitened_length(x - own, cholesky)
    away = 1 - F.cosine_similarity(x, own, dim=1)
    return beta * distance / max_distance.detach().clone() + (1 - beta) * away


def _whitened_length(offsets: Tensor, cholesky: Tensor) -> Tensor:
    """Return the lengths of L^-1 times the offsets (M, D), shape (M,)."""
    whitened = torch.linalg.solve_triangular(cholesky, offsets.t(), upper=False)  # (D, M)
    return whitened.square().sum(dim=0).clamp(min=_TINY_SQUARE).sqrt()
