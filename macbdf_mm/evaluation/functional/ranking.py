"""Measures of the order of the scores: what they are does not matter, only which is higher.

Functions of :class:`~macbdf_mm.evaluation.functional.weighted_clips.WeightedClips`, one value for
each resample, NaN where a class is missing. Equal scores share one point of every curve, so that
the order of the clips never counts.
"""

import numpy as np

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.functional.weighted_clips import Floats, WeightedClips

# Far above the rounding of a share, and far below one clip of any data set.
_TOLERANCE = 1e-9


def weighted_auc(clips: WeightedClips) -> Floats:
    """Return the area under the ROC curve, shape (R,).

    The probability that a fake clip scores above a real one, a tie counting one half
    (Mann-Whitney U).
    """
    fakes = clips.fakes_above
    # Each real clip is beaten by the fakes above it, and by half of those beside it.
    wins = np.einsum("rk,rk->r", clips.reals_at, fakes[:, :-1])
    wins += np.einsum("rk,rk->r", clips.reals_at, clips.fakes_at) / 2
    return wins / (clips.fakes_or_nan * clips.reals_or_nan)


def weighted_average_precision(clips: WeightedClips) -> Floats:
    """Return the average precision of the fake class, shape (R,).

    The sum over the distinct scores of precision times the step in recall (as scikit-learn; the
    curve is not interpolated).
    """
    fakes = clips.fakes_above[:, 1:]
    called = fakes + clips.reals_above[:, 1:]
    # Levels of which nothing was drawn have no fakes either; any divisor does.
    np.maximum(called, np.finfo(np.float64).tiny, out=called)
    np.divide(fakes, called, out=called)
    area = np.einsum("rk,rk->r", clips.fakes_at, called) / clips.fakes_or_nan
    return np.where(clips.num_reals > 0, area, np.nan)


def weighted_eer(clips: WeightedClips) -> Floats:
    """Return the equal error rate, shape (R,).

    Where the ROC curve, its points joined by straight lines, has as many false alarms as misses.
    """
    num_fakes, num_reals = clips.fakes_or_nan, clips.reals_or_nan
    # False alarms minus misses rise from -1 to 1.
    right = clips.first_level(
        lambda fakes, reals: (
            reals * clips.num_fakes + fakes * clips.num_reals >= clips.num_fakes * clips.num_reals
        )
    )
    left = np.maximum(right - 1, 0)
    rows = np.arange(right.size)
    alarms = [clips.reals_above[rows, at] / num_reals for at in (left, right)]
    misses = [1 - clips.fakes_above[rows, at] / num_fakes for at in (left, right)]
    gaps = [alarm - miss for alarm, miss in zip(alarms, misses, strict=True)]
    share = -gaps[0] / np.where(right > left, gaps[1] - gaps[0], np.nan)
    return alarms[0] + share * (alarms[1] - alarms[0])


def weighted_tpr_at_fpr(clips: WeightedClips, max_fpr: float) -> Floats:
    """Return the highest share of fakes found at a share of false alarms, shape (R,).

    Over the thresholds that call at most ``max_fpr`` of the real clips fake. Points of the ROC
    curve are not joined: with fewer than ``1 / max_fpr`` real clips it is the share of the fakes
    above all of them.

    Args:
        clips: The clips.
        max_fpr: False positive rate, such as 1e-2.

    Raises:
        ValueError: If ``max_fpr`` is outside [0, 1).
    """
    if not 0 <= max_fpr < 1:
        raise ArgumentError(f"Expected `max_fpr` in [0, 1), got {max_fpr}.")
    allowed = max_fpr * clips.num_reals + _TOLERANCE
    exceeding = clips.first_level(lambda fakes, reals: reals > allowed)
    rows = np.arange(exceeding.size)
    found = clips.fakes_above[rows, np.maximum(exceeding - 1, 0)]
    return np.where(clips.num_reals > 0, found / clips.fakes_or_nan, np.nan)
