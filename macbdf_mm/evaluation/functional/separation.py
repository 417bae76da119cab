"""How far groups stand apart in a space of embeddings, and the map of such a space."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from sklearn.neighbors import NearestNeighbors

_NUM_NEIGHBOURS = 5
_MAX_PERPLEXITY = 30.0


def silhouette(embeddings: npt.NDArray[np.float64], groups: Sequence[str]) -> float:
    """Return the mean silhouette by cosine distance, in [-1, 1]; NaN for a single group.

    Args:
        embeddings: Shape (N, D).
        groups: The group of each, N of them.
    """
    if not 1 < len(set(groups)) < len(groups):
        return float("nan")
    return float(silhouette_score(embeddings, list(groups), metric="cosine"))


def neighbour_accuracy(embeddings: npt.NDArray[np.float64], groups: Sequence[str]) -> float:
    """Return how often the majority of a clip's 5 nearest others has its group.

    By cosine distance; of several groups with equally many neighbours, the one with the
    nearest of them counts. NaN for too few clips.

    Args:
        embeddings: Shape (N, D).
        groups: The group of each, N of them.
    """
    if len(groups) <= _NUM_NEIGHBOURS:
        return float("nan")
    search = NearestNeighbors(n_neighbors=_NUM_NEIGHBOURS, metric="cosine").fit(embeddings)
    # Without an argument the search leaves each clip itself out.
    neighbours = np.asarray(groups)[search.kneighbors(return_distance=False)]  # (N, 5)
    votes = [_majority(row) for row in neighbours.tolist()]
    return float(np.mean(np.asarray(votes) == np.asarray(groups)))


def plane_map(embeddings: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return t-SNE's places of the embeddings in a plane, shape (N, 2).

    Args:
        embeddings: Shape (N, D), N > 1.
    """
    perplexity = min(_MAX_PERPLEXITY, (len(embeddings) - 1) / 3)
    search = TSNE(perplexity=perplexity, metric="cosine", init="pca", random_state=0)
    return np.asarray(search.fit_transform(np.asarray(embeddings, np.float32)), np.float64)


def _majority(groups: Sequence[str]) -> str:
    # max takes the first of equals, and the neighbours stand nearest first.
    return max(groups, key=groups.count)
