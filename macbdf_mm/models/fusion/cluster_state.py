"""How far an embedding lies from its cluster, by clusters remembered in buffers (Eq. 9)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from macbdf_mm.errors import ArgumentError
from macbdf_mm.models.fusion.clustering import choose_clustering, cluster_means

# What Eq. 9 gives halfway: the distance of every embedding until there are clusters.
NEUTRAL_DISTANCE = 0.5
# d_max is exceeded by one embedding in a hundred.
_OUTLIER_SHARE = 0.01
# Change of log d_max by one embedding that exceeds it, and the most by one batch.
_MAX_DISTANCE_RATE = 0.02
_MAX_DISTANCE_STEP = 0.2
# Variance of features that are all alike; keeps the covariance positive.
_MIN_VARIANCE = 1e-8
# The root mean square of the distances is about the root of the features' rank: only features
# that are all alike have a smaller d_max than this.
_MIN_MAX_DISTANCE = 1.0
# Keeps the root differentiable for an embedding that sits on its centre.
_TINY_SQUARE = 1e-12


class ClusterState(nn.Module):
    """The clusters of one modality's embeddings, and the distance to them of Eq. 9.

    The state is in buffers, so the distance of a clip never depends on the rest of its batch.
    ``fit`` finds new clusters once per epoch. ``follow`` moves centres and d_max in between, in
    training mode only. ``forward`` changes nothing.

    Ranks that pass equal features have equal buffers: gather features over ranks first.

    Args:
        embed_dims: Length D of the embeddings.
        min_clusters: Smallest number of clusters, at least 2.
        max_clusters: Largest number of clusters.
        beta: Share of the Mahalanobis part of the distance, in [0, 1].
        shrinkage: Share of the covariance that is replaced by a sphere of the same trace, in
            (0, 1]. A queue holds hardly more features than a covariance has rows.
        momentum: How much of a centre is left after one embedding has joined it, in [0, 1].

    Attributes:
        centres: (max_clusters, D) float32, the first ``num_clusters`` rows in use.
        num_clusters: () long, 0 until the first fit.
        cholesky: (D, D) float32, lower triangular factor of the pooled covariance within the
            clusters.
        max_distance: () float32, d_max: 99th percentile of the Mahalanobis distances.
        is_ready: () bool, whether there are clusters.

    Raises:
        ValueError: If an argument is out of its range.
    """

    centres: Tensor
    num_clusters: Tensor
    cholesky: Tensor
    max_distance: Tensor
    is_ready: Tensor

    def __init__(
        self,
        embed_dims: int = 128,
        min_clusters: int = 2,
        max_clusters: int = 8,
        beta: float = 0.5,
        shrinkage: float = 0.1,
        momentum: float = 0.99,
    ) -> None:
        super().__init__()
        if not 2 <= min_clusters <= max_clusters:
            raise ArgumentError(
                f"Expected 2 <= `min_clusters` <= `max_clusters`, got {min_clusters} and "
                f"{max_clusters}. The silhouette needs two clusters."
            )
        if not 0 <= beta <= 1 or not 0 <= momentum <= 1:
            raise ArgumentError(
                f"Expected `beta` and `momentum` in [0, 1], got {beta} and {momentum}."
            )
        if not 0 < shrinkage <= 1:
            raise ArgumentError(
                f"Expected `shrinkage` in (0, 1], got {shrinkage}. At 0 the covariance of few "
                "features has no inverse."
            )
        self.min_clusters = min_clusters
        self.max_clusters = max_clusters
        self.beta = beta
        self.shrinkage = shrinkage
        self.momentum = momentum
        self.register_buffer("centres", torch.zeros(max_clusters, embed_dims))
        self.register_buffer("num_clusters", torch.zeros((), dtype=torch.long))
        self.register_buffer("cholesky", torch.eye(embed_dims))
        self.register_buffer("max_distance", torch.ones(()))
        self.register_buffer("is_ready", torch.zeros((), dtype=torch.bool))

    @property
    def min_features(self) -> int:
        """Return how many features a fit needs: two for each of the most clusters."""
        return 2 * self.max_clusters

    @property
    def is_active(self) -> Tensor:
        """Return (max_clusters,) bool: which rows of ``centres`` are in use."""
        return torch.arange(self.max_clusters, device=self.centres.device) < self.num_clusters

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return the composite distance D of each embedding, (B,) float32, at least 0.

        0.5 for all of them until the first fit. Computed in float32 under autocast too.

        Args:
            embeddings: (B, D), of any scale; the gradient runs through them.

        Raises:
            ValueError: If they are not (B, D).
        """
        self._check(embeddings)
        with torch.autocast(embeddings.device.type, enabled=False):
            distance = composite_distance(
                embeddings.to(self.centres.dtype),
                self.centres,
                self.cholesky,
                self.max_distance,
                self.is_active,
                self.beta,
            )
        return torch.where(self.is_ready, distance, NEUTRAL_DISTANCE)

    @torch.no_grad()
    def fit(self, features: Tensor, seed: int = 0) -> bool:
        """Find clusters, covariance and d_max anew; return whether there were features enough.

        With fewer than ``min_features`` nothing changes. Called between epochs, in whatever
        mode the model is then.

        Args:
            features: (N, D), one row an embedding, of this modality only.
            seed: Of the clustering; equal on all ranks.

        Raises:
            ValueError: If the features are not (N, D), or not finite.
        """
        self._check(features)
        if len(features) < self.min_features:
            return False
        features = features.to(self.centres.dtype)
        clustering = choose_clustering(features, self.min_clusters, self.max_clusters, seed)
        self.num_clusters.fill_(clustering.num_clusters)
        self.centres.zero_()[: clustering.num_clusters] = clustering.centres
        offsets = features - clustering.centres[clustering.assignment]
        covariance = self._shrunk_covariance(offsets, clustering.num_clusters)
        self.cholesky.copy_(torch.linalg.cholesky(covariance))
        distances, _ = nearest_centre(features, self.centres, self.cholesky, self.is_active)
        percentile = torch.quantile(distances, 1 - _OUTLIER_SHARE)
        self.max_distance.copy_(percentile.clamp(min=_MIN_MAX_DISTANCE))
        self.is_ready.fill_(True)
        return True

    @torch.no_grad()
    def follow(self, embeddings: Tensor, valid: Tensor | None = None) -> None:
        """Move the centres and d_max after a training batch; nothing happens in eval mode.

        A centre moves towards the mean of the embeddings nearest to it, by ``momentum`` once
        for each of them. d_max grows or shrinks until one embedding in a hundred exceeds it:
        unlike a mean of the batches' percentiles, that does not depend on the batch size.
        Nothing is copied to the host: rows are weighed, not picked.

        Args:
            embeddings: (B, D); B may be 0. Rows that are not finite (an overflow under AMP,
                whose step is skipped) are passed over.
            valid: (B,) bool, False for clips that lack this modality; None if all have it.

        Raises:
            ValueError: If they are not (B, D).
        """
        self._check(embeddings)
        if not self.training or not len(embeddings):
            return
        kept = torch.isfinite(embeddings).all(dim=1) & self.is_ready
        if valid is not None:
            kept = kept & valid
        rows = embeddings.to(self.centres.dtype).masked_fill(~kept[:, None], 0.0)
        distances, nearest = nearest_centre(rows, self.centres, self.cholesky, self.is_active)
        # Rows that don't count go to a cluster of their own, which is dropped.
        index = torch.where(kept, nearest, self.max_clusters)
        means, counts = cluster_means(rows, index, self.max_clusters + 1)
        self.centres.lerp_(means[:-1], (1 - self.momentum ** counts[:-1])[:, None])
        num_kept = kept.sum()
        exceeding = ((distances > self.max_distance) & kept).sum() / num_kept.clamp(min=1)
        rate = (_MAX_DISTANCE_RATE * num_kept).clamp(max=_MAX_DISTANCE_STEP)
        self.max_distance.mul_(torch.exp(rate * (exceeding - _OUTLIER_SHARE)))

    def _shrunk_covariance(self, offsets: Tensor, num_clusters: int) -> Tensor:
        """Return (D, D): the covariance of offsets from K means, drawn towards a sphere."""
        with torch.autocast(offsets.device.type, enabled=False):
            covariance = offsets.t() @ offsets / (len(offsets) - num_clusters)
        variance = covariance.diagonal().mean().clamp(min=_MIN_VARIANCE)
        sphere = variance * torch.eye(len(covariance), device=offsets.device)
        return (1 - self.shrinkage) * covariance + self.shrinkage * sphere

    def _check(self, embeddings: Tensor) -> None:
        """Raise a ValueError unless the embeddings are (B, D)."""
        embed_dims = self.centres.shape[1]
        if embeddings.dim() != 2 or embeddings.shape[1] != embed_dims:
            raise ArgumentError(
                f"Expected embeddings (B, {embed_dims}), got {tuple(embeddings.shape)}. Set "
                "`embed_dims` to the length of the contrastive embedding."
            )


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
