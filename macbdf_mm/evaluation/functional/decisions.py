"""Measures of the decisions at a threshold: a clip is called fake if its score is at least that.

Functions of :class:`~macbdf_mm.evaluation.functional.weighted_clips.WeightedClips`, one value for
each resample, NaN if the threshold is.
"""

import math

from macbdf_mm.evaluation.functional.weighted_clips import Floats, WeightedClips


def weighted_accuracy(clips: WeightedClips, threshold: float) -> Floats:
    """Return the share of clips decided rightly, shape (R,); NaN without clips."""
    if math.isnan(threshold):
        return clips.undefined
    right = clips.fakes_from(threshold) + clips.num_reals - clips.reals_from(threshold)
    return right / clips.clips_or_nan


def weighted_balanced_accuracy(clips: WeightedClips, threshold: float) -> Floats:
    """Return the mean of the two classes' accuracies, shape (R,); NaN for one class.

    Unlike the accuracy it is 0.5 for "always fake", however many fakes there are.
    """
    if math.isnan(threshold):
        return clips.undefined
    sensitivity = clips.fakes_from(threshold) / clips.fakes_or_nan
    specificity = 1 - clips.reals_from(threshold) / clips.reals_or_nan
    return (sensitivity + specificity) / 2
