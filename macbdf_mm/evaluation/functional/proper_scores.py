"""How good scores are as probabilities: log-loss, Brier score and calibration error.

Functions of :class:`~macbdf_mm.evaluation.functional.weighted_clips.WeightedClips` with scores in
[0, 1], one value for each resample, NaN without clips. They are defined for a single class as
well.
"""

import numpy as np

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.functional.probabilities import (
    SMALLEST,
    checked_probabilities,
)
from macbdf_mm.evaluation.functional.weighted_clips import Floats, Indices, WeightedClips

NUM_BINS = 15
"""Of the calibration error; the field's number since Guo et al. (ICML 2017)."""


def weighted_log_loss(clips: WeightedClips) -> Floats:
    """Return the mean negative log-likelihood of the labels in nats, shape (R,).

    Scores are kept 2**-24 away from 0 and 1.
    """
    of_fakes = clips.sum_over_fakes("log_loss", lambda scores: -np.log(_kept_inside(scores)))
    of_reals = clips.sum_over_reals("log_loss", lambda scores: -np.log1p(-_kept_inside(scores)))
    return (of_fakes + of_reals) / clips.clips_or_nan


def weighted_brier(clips: WeightedClips) -> Floats:
    """Return the mean squared difference of score and label, shape (R,)."""
    of_fakes = clips.sum_over_fakes(
        "brier", lambda scores: (1 - checked_probabilities(scores)) ** 2
    )
    of_reals = clips.sum_over_reals("brier", lambda scores: checked_probabilities(scores) ** 2)
    return (of_fakes + of_reals) / clips.clips_or_nan


def weighted_ece(clips: WeightedClips, num_bins: int = NUM_BINS) -> Floats:
    """Return the expected calibration error of P(fake), shape (R,).

    The clips are divided into ``num_bins`` bins of equal width, [0, 1/n), ..., [1 - 1/n, 1]. Of
    each bin, the distance between its mean score and its share of fakes counts with its share of
    the clips. Scores that are exactly right have an error, too, since the share of fakes of a few
    clips misses their probability by chance: 0.066 for 270 clips and an AUC of 0.9, see
    :func:`~macbdf_mm.evaluation.functional.chance_calibration.ece_by_chance`.

    Args:
        clips: The clips.
        num_bins: Number of bins.

    Raises:
        ValueError: If there is no bin, or a score lies outside [0, 1].
    """
    if num_bins < 1:
        raise ArgumentError(f"Expected `num_bins` > 0, got {num_bins}.")
    ranked = clips.clips
    # Half the work of two sums: a fake adds its score minus 1, a real clip its score.
    gaps = clips.sums_by(
        ("ece", num_bins),
        lambda: (
            bin_of(checked_probabilities(ranked.scores), num_bins),
            ranked.scores - ranked.is_fake,
            num_bins,
        ),
    )
    return np.abs(gaps).sum(axis=1) / clips.clips_or_nan


def bin_of(scores: Floats, num_bins: int) -> Indices:
    """Return the bin of each score in [0, 1], 0 to ``num_bins - 1``; 1 is in the last."""
    # Edges such as 0.3 are not numbers of the machine: they count as reached within rounding.
    bins = np.floor(scores * num_bins + 1e-9).astype(np.int64)
    return np.minimum(bins, num_bins - 1)


def _kept_inside(scores: Floats) -> Floats:
    return np.clip(checked_probabilities(scores), SMALLEST, 1 - SMALLEST)
