"""The one check of labels and scores that all measures share."""

from typing import Any

import numpy as np
import numpy.typing as npt

from macbdf_mm.structures.labels import FAKE, REAL

Labels = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]


def labels_and_scores(labels: Any, scores: Any) -> tuple[Labels, Scores]:
    """Return both as arrays of shape (N,), int64 and float64.

    Raises:
        ValueError: If the shapes differ, a label is neither 0 nor 1, or a score is NaN.
    """
    labels = np.asarray(labels)
    scores = np.asarray(scores, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != scores.shape:
        raise ValueError(
            f"Expected `labels` and `scores` of one shape (N,), got {labels.shape} "
            f"and {scores.shape}."
        )
    if not np.isin(labels, (REAL, FAKE)).all():
        strange = sorted(set(labels.tolist()) - {REAL, FAKE})
        raise ValueError(f"Expected `labels` of 0 and 1, got {strange}; leave unknown clips out.")
    if np.isnan(scores).any():
        raise ValueError(
            f"Expected `scores` without NaN, got {int(np.isnan(scores).sum())} of "
            f"{scores.size}; leave unscored clips out."
        )
    return labels.astype(np.int64), scores


def has_both_classes(labels: Labels) -> bool:
    """Return whether there is a real and a fake clip to tell apart."""
    return bool((labels == FAKE).any() and (labels == REAL).any())
