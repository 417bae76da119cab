"""How far a measure could move had other clips of the same kind been tested."""

from collections.abc import Callable
from typing import Any

import numpy as np

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.functional.detection import auc, has_both_classes, labels_and_scores
from macbdf_mm.structures.labels import FAKE, REAL

# Share of the resamples that an interval holds.
_CONFIDENCE = 0.95


def bootstrap_interval(
    labels: Any,
    scores: Any,
    measure: Callable[[Any, Any], float] = auc,
    *,
    num_resamples: int = 1000,
) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval (low, high) of a measure; NaN for one class.

    Clips are drawn with replacement within each class, so that every resample has as many
    fakes as the test set. One entry is one clip: windows of a clip are not independent and
    must be aggregated before.

    Args:
        labels: 1 fake, 0 real, shape (N,).
        scores: P(fake), shape (N,).
        measure: Function of (labels, scores).
        num_resamples: How many resamples are drawn; the same ones for the same clips.

    Raises:
        ValueError: If ``num_resamples`` is not positive.
    """
    if num_resamples < 1:
        raise ArgumentError(f"Expected `num_resamples` > 0, got {num_resamples}.")
    labels, scores = labels_and_scores(labels, scores)
    if not has_both_classes(labels):
        return float("nan"), float("nan")
    fakes, reals = scores[labels == FAKE], scores[labels == REAL]
    resampled_labels = np.repeat([FAKE, REAL], [fakes.size, reals.size])
    generator = np.random.default_rng(0)
    values = np.empty(num_resamples)
    for index in range(num_resamples):
        drawn = np.concatenate(
            [generator.choice(fakes, fakes.size), generator.choice(reals, reals.size)]
        )
        values[index] = measure(resampled_labels, drawn)
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
