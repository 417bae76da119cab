"""k-means that chooses its number of clusters by the silhouette (before Eq. 9).

The paper calls it adaptive clustering and leaves the criterion open; the silhouette needs no
scale of its own. Distances are Euclidean: the features lie on the unit sphere, where they
order pairs as the cosine does, and the centres stay means, as a covariance needs them.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from macbdf_mm.errors import ArgumentError

# Restarts guard against a poor draw of the first centres; more of them changed nothing.
NUM_RESTARTS = 4
MAX_ITERATIONS = 100


@dataclass(frozen=True)
class Clustering:
    """A partition of N features into K clusters, none of them empty.

    Attributes:
        centres: (K, D), the mean of each cluster.
        assignment: (N,) long, the cluster of each feature.
        inertia: Sum of the squared distances to the centres.
        silhouette: Mean silhouette in [-1, 1]; 0 for a single cluster.
    """

    centres: Tensor
    assignment: Tensor
    inertia: float
    silhouette: float

    @property
    def num_clusters(self) -> int:
        """Return K."""
        return len(self.centres)


@torch.no_grad()
def choose_clustering(
    features: Tensor, min_clusters: int = 2, max_clusters: int = 8, seed: int = 0
) -> Clustering:
    """Return the k-means clustering with the largest silhouette, the smaller K on a tie.

    Features that are all alike come back as one cluster. Memory grows with N squared.

    Args:
        features: (N, D), finite; halves are raised to float32.
        min_clusters: Smallest K to try, at least 2.
        max_clusters: Largest K to try; never more than N - 1.
        seed: Of the first centres. Equal features and seeds give equal clusters on any device
            up to rounding, and on all ranks.

    Raises:
        ValueError: If the range of K is empty or too small, there are not enough features, or
            they are not finite.
    """
    if not 2 <= min_clusters <= max_clusters:
        raise ArgumentError(
            f"Expected 2 <= `min_clusters` <= `max_clusters`, got {min_clusters} and "
            f"{max_clusters}. The silhouette needs two clusters."
        )
    features = _checked(features, min_clusters + 1)
    distances = _euclidean(features, features)
    candidates = [
        k_means(features, num_clusters, seed, distances)
        for num_clusters in range(min_clusters, min(max_clusters, len(features) - 1) + 1)
    ]
    return max(candidates, key=lambda clustering: clustering.silhouette)


@torch.no_grad()
def k_means(
    features: Tensor, num_clusters: int, seed: int = 0, distances: Tensor | None = None
) -> Clustering:
    """Return the best of several k-means clusterings by inertia.

    Args:
        features: (N, D), finite.
        num_clusters: K; fewer clusters come back where fewer features differ.
        seed: Of the first centres.
        distances: (N, N) Euclidean distances of the features, if they are at hand.

    Raises:
        ValueError: If there are fewer features than clusters, or they are not finite.
    """
    features = _checked(features, num_clusters)
    generator = torch.Generator().manual_seed(seed)
    runs = [
        lloyd(features, spread_centres(features, num_clusters, generator))
        for _ in range(NUM_RESTARTS)
    ]
    assignment, _ = min(runs, key=lambda run: run[1])
    centres, _ = cluster_means(features, assignment, num_clusters)
    if distances is None:
        distances = _euclidean(features, features)
    return Clustering(
        centres=centres[: int(assignment.max()) + 1],
        assignment=assignment,
        inertia=float((features - centres[assignment]).square().sum()),
        silhouette=float(silhouette(distances, assignment)),
    )


def spread_centres(features: Tensor, num_clusters: int, generator: torch.Generator) -> Tensor:
    """Return (K, D): features drawn far from each other, as k-means++ does.

    The draws are made on the CPU, so that they are the same whatever device holds the features.

    Args:
        features: (N, D).
        num_clusters: K.
        generator: A generator of the CPU.
    """
    draws = torch.rand(num_clusters, generator=generator, dtype=torch.float64).tolist()
    centres = [features[int(draws[0] * len(features))]]
    nearest = torch.full_like(features[:, 0], torch.inf)
    for draw in draws[1:]:
        nearest = nearest.minimum((features - centres[-1]).square().sum(dim=1))
        # On the CPU: there is no deterministic cumulative sum of floats on a GPU.
        cumulative = nearest.cpu().cumsum(dim=0)
        index = torch.searchsorted(cumulative, (draw * cumulative[-1]).reshape(1))
        centres.append(features[int(index)])
    return torch.stack(centres)


def lloyd(features: Tensor, centres: Tensor) -> tuple[Tensor, float]:
    """Return the assignment that Lloyd's iterations end in, and its inertia.

    Args:
        features: (N, D).
        centres: (K, D) to start from. A centre that loses all its features stays in place.

    Returns:
        (N,) long with clusters renumbered so that none is empty, and the sum of squared
        distances to the means.
    """
    assignment = _euclidean(features, centres).argmin(dim=1)
    for _ in range(MAX_ITERATIONS):
        means, counts = cluster_means(features, assignment, len(centres))
        centres = torch.where(counts[:, None] > 0, means, centres)
        previous, assignment = assignment, _euclidean(features, centres).argmin(dim=1)
        if torch.equal(previous, assignment):
            break
    inertia = (features - centres[assignment]).square().sum()
    return torch.unique(assignment, return_inverse=True)[1], float(inertia)


def cluster_means(features: Tensor, assignment: Tensor, num_clusters: int) -> tuple[Tensor, Tensor]:
    """Return the mean of each cluster, (K, D), zeros for an empty one, and its size, (K,).

    A product of matrices rather than a scatter: that one adds in random order on a GPU.

    Args:
        features: (N, D).
        assignment: (N,) long in [0, K).
        num_clusters: K.
    """
    with torch.autocast(features.device.type, enabled=False):
        members = F.one_hot(assignment, num_clusters).to(features.dtype)  # (N, K)
        counts = members.sum(dim=0)
        return members.t() @ features / counts.clamp(min=1)[:, None], counts


def silhouette(distances: Tensor, assignment: Tensor) -> Tensor:
    """Return the mean silhouette (b - a) / max(a, b) of a partition, shape ().

    a is the mean distance to the other members of the own cluster, b that to the nearest other
    cluster. A cluster of one counts as 0, and so does a partition of one cluster.

    Args:
        distances: (N, N).
        assignment: (N,) long in [0, K), no cluster empty.
    """
    members = F.one_hot(assignment).to(distances.dtype)  # (N, K)
    if members.shape[1] < 2:
        return distances.new_zeros(())
    with torch.autocast(distances.device.type, enabled=False):
        sums = distances @ members  # (N, K)
    counts = members.sum(dim=0)
    own = members.bool()
    others = (counts - 1).expand_as(sums)[own]  # (N,)
    a = sums[own] / others.clamp(min=1)
    b = (sums / counts).masked_fill(own, torch.inf).amin(dim=1)
    widest = torch.maximum(a, b)
    is_scored = (others > 0) & (widest > 0)
    return torch.where(is_scored, (b - a) / widest.masked_fill(widest == 0, 1.0), 0.0).mean()


def _euclidean(a: Tensor, b: Tensor) -> Tensor:
    """Return (N, M): Euclidean distances, without the cancellation of the matrix shortcut."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def _checked(features: Tensor, min_features: int) -> Tensor:
    """Return the features in at least float32.

    Raises:
        ValueError: If they are not (N, D) with N >= ``min_features``, or not finite.
    """
    if features.dim() != 2 or len(features) < min_features:
        raise ArgumentError(
            f"Expected `features` (N, D) with N >= {min_features}, got {tuple(features.shape)}. "
            "Collect more features first, or ask for fewer clusters."
        )
    if not bool(torch.isfinite(features).all()):
        raise ArgumentError(
            "Expected finite `features`, got NaN or infinity. Look for an earlier divergence."
        )
    return features.to(torch.promote_types(features.dtype, torch.float32))
