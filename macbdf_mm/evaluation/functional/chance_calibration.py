"""The calibration error that perfectly calibrated scores have by chance."""

from typing import Any

import numpy as np

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.functional.probabilities import checked_probabilities
from macbdf_mm.evaluation.functional.proper_scores import NUM_BINS, bin_of
from macbdf_mm.evaluation.functional.weighted_clips import Floats, labels_and_scores

# From so many clips in a bin on, their number of fakes is taken as normally distributed; the mean
# distance is then right within 1 % unless nearly all scores are 0 or 1.
_MANY = 64


def ece_by_chance(labels: Any, scores: Any, num_bins: int = NUM_BINS) -> float:
    """Return the mean ECE of clips that are fake with exactly the probability of their score.

    The calibration error takes distances, so chance does not cancel: a bin of n clips misses its
    mean score by about sqrt(2 s (1 - s) / (pi n)) even if every score s is right. With 270 clips,
    15 bins, normally distributed logits and an AUC of 0.9 that is 0.066. An error of this size says
    nothing against the scores (Roelofs et al., AISTATS 2022). NaN without clips.

    Args:
        labels: Only how many there are counts, shape (N,).
        scores: P(fake) in [0, 1], shape (N,); clips are taken as independent.
        num_bins: As of :func:`~macbdf_mm.evaluation.functional.proper_scores.weighted_ece`.

    Raises:
        ValueError: If there is no bin, or labels or scores are not of that kind.
    """
    if num_bins < 1:
        raise ArgumentError(f"Expected `num_bins` > 0, got {num_bins}.")
    _, scores = labels_and_scores(labels, scores)
    if not scores.size:
        return float("nan")
    bins = bin_of(checked_probabilities(scores), num_bins)
    variances = np.bincount(bins, scores * (1 - scores), num_bins)
    gaps = np.sqrt(2 / np.pi * variances)
    counts = np.bincount(bins, minlength=num_bins)
    for place in np.flatnonzero((counts > 0) & (counts < _MANY)):
        gaps[place] = _mean_gap(scores[bins == place])
    return float(gaps.sum() / scores.size)


def _mean_gap(scores: Floats) -> float:
    """Return the mean distance of the number of fakes from the sum of the scores."""
    chances = np.ones(1)  # of 0, 1, ... fakes among the clips so far
    for score in scores:
        chances = np.convolve(chances, [1 - score, score])
    return float(chances @ np.abs(np.arange(chances.size) - scores.sum()))
