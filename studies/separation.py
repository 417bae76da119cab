"""How far embeddings hold groups of clips apart, as numbers and as a map."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from sklearn.neighbors import NearestNeighbors

from macbdf_mm.structures.labels import CATEGORIES, FAKE
from studies.clip_embeddings import ClipEmbeddings

_NUM_NEIGHBOURS = 5
_MAX_PERPLEXITY = 30.0


def measure_separation(embeddings: ClipEmbeddings, space: str) -> dict[str, float]:
    """Return how far a space holds clips apart, by category and by the labels of its track.

    Args:
        embeddings: Of a run's test clips.
        space: ``video``, ``audio`` or ``fused``; the last one's labels are the clips' own.

    Returns:
        For both groupings the silhouette, the 5-NN accuracy, and the accuracy of chance.
    """
    vectors = embeddings.spaces[space]
    groupings = {
        "category": embeddings.categories,
        "own label": [_own_label(category, space) for category in embeddings.categories],
    }
    figures: dict[str, float] = {}
    for name, groups in groupings.items():
        figures[f"{name}: silhouette"] = silhouette(vectors, groups)
        figures[f"{name}: 5-NN accuracy"] = neighbour_accuracy(vectors, groups)
        figures[f"{name}: chance"] = max(map(groups.count, groups)) / len(groups)
    return figures


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


def plane_map(embeddings: npt.NDArray[np.float64], seed: int = 0) -> npt.NDArray[np.float64]:
    """Return t-SNE's places of the embeddings in a plane, shape (N, 2).

    Args:
        embeddings: Shape (N, D), N > 1.
        seed: The same seed gives the same map.
    """
    perplexity = min(_MAX_PERPLEXITY, (len(embeddings) - 1) / 3)
    search = TSNE(perplexity=perplexity, metric="cosine", init="pca", random_state=seed)
    return np.asarray(search.fit_transform(np.asarray(embeddings, np.float32)), np.float64)


def _own_label(category: str, space: str) -> str:
    """Return ``real`` or ``fake``, for a track or for the clip."""
    own = next(labels for labels, name in CATEGORIES.items() if name == category)
    label = {"video": own[0], "audio": own[1], "fused": max(own)}[space]
    return "fake" if label == FAKE else "real"


def _majority(groups: Sequence[str]) -> str:
    # max takes the first of equals, and the neighbours stand nearest first.
    return max(groups, key=groups.count)
