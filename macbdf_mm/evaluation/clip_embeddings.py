"""The embeddings of clips, and how far they hold categories apart (Figure 4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from macbdf_mm.evaluation.functional.separation import neighbour_accuracy, silhouette
from macbdf_mm.structures.labels import CATEGORIES, FAKE
from macbdf_mm.utils.counted import counted
from macbdf_mm.utils.tables import printable

SPACES = {"video": "x_v", "audio": "x_a", "fused": "fused"}
"""Space -> its name in figures and tables."""


@dataclass(frozen=True)
class ClipEmbeddings:
    """Embeddings of N clips, the mean over their windows.

    Attributes:
        spaces: ``video`` and ``audio`` (N, D), the contrastive embeddings x_v and x_a, and
            ``fused`` (N, C), what the sample-level head reads.
        categories: RVRA, FVRA, RVFA or FVFA of each clip.
        files: The clips.
        left_out: Clips that are not among them -> why.
    """

    spaces: Mapping[str, npt.NDArray[np.float64]]
    categories: tuple[str, ...]
    files: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)

    def left_out_text(self) -> str:
        """Return lines that count and name the clips that are left out."""
        lines = [f"  {printable(f'{file}: {why}')}" for file, why in self.left_out.items()]
        return "\n".join([f"Left out: {counted(len(lines), 'clip')}.", *lines])


def measure_separation(embeddings: ClipEmbeddings, space: str) -> dict[str, float]:
    """Return how far a space holds clips apart, by category and by the labels of its track.

    Args:
        embeddings: Of the clips.
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


def _own_label(category: str, space: str) -> str:
    """Return ``real`` or ``fake``, for a track or for the clip."""
    own = next(labels for labels, name in CATEGORIES.items() if name == category)
    label = {"video": own[0], "audio": own[1], "fused": max(own)}[space]
    return "fake" if label == FAKE else "real"
