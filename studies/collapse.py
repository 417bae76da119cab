"""Which runs of a study ended with collapsed embeddings: their contrast has taught nothing."""

from collections.abc import Mapping
from typing import Any

from macbdf_mm.models.contrastive.collapse import is_collapsed

# Term, as its ratio is logged -> the tracks whose embeddings it compares.
_TERMS = {
    "cross_va": ("video", "audio"),
    "cross_av": ("video", "audio"),
    "intra_video": ("video",),
    "intra_audio": ("audio",),
}


def collapsed_seeds(runs: Mapping[int, Mapping[str, Any]]) -> list[int]:
    """Return the seeds of the runs of which a contrastive term was collapsed in the last epoch.

    A term that is switched off is not; neither is a run without contrast.

    Args:
        runs: Results by seed.
    """
    return sorted(seed for seed, result in runs.items() if _has_collapsed(result["epochs"]))


def _has_collapsed(epochs: list[Mapping[str, Any]]) -> bool:
    last = epochs[-1]["losses"] if epochs else {}
    return any(
        is_collapsed(
            min(last.get(f"mean_cosine_{track}", 0.0) for track in tracks),
            last.get(f"{term}_over_collapse", 0.0),
        )
        for term, tracks in _TERMS.items()
    )
