"""Measures that need no threshold: area under the ROC curve, equal error rate, precision."""

from typing import Any, NamedTuple

import numpy as np
from scipy.stats import rankdata
from sklearn import metrics as sklearn_metrics

from macbdf_mm.evaluation.functional.checks import Scores, has_both_classes, labels_and_scores
from macbdf_mm.structures.labels import FAKE


class RocCurve(NamedTuple):
    """Points of a ROC curve, each field of shape (K,), from (0, 0) to (1, 1)."""

    false_positive_rate: Scores
    true_positive_rate: Scores
    thresholds: Scores


def auc(labels: Any, scores: Any) -> float:
    """Return the area under the ROC curve, NaN if only one class is there.

    The probability that a fake clip scores above a real one, a tie counting one half
    (Mann-Whitney U), which stays fast enough to be bootstrapped.

    Args:
        labels: 1 fake, 0 real, shape (N,).
        scores: P(fake), shape (N,).
    """
    labels, scores = labels_and_scores(labels, scores)
    if not has_both_classes(labels):
        return float("nan")
    is_fake = labels == FAKE
    num_fake = int(is_fake.sum())
    num_real = labels.size - num_fake
    wins = rankdata(scores)[is_fake].sum() - num_fake * (num_fake + 1) / 2
    return float(wins / (num_fake * num_real))


def roc_curve(labels: Any, scores: Any) -> RocCurve:
    """Return every point of the ROC curve, by falling threshold.

    Raises:
        ValueError: If only one class is there.
    """
    labels, scores = labels_and_scores(labels, scores)
    if not has_both_classes(labels):
        raise ValueError("Expected `labels` with both 0 and 1, a ROC curve needs two classes.")
    return RocCurve(*sklearn_metrics.roc_curve(labels, scores, drop_intermediate=False))


def eer(labels: Any, scores: Any) -> float:
    """Return the equal error rate, NaN if only one class is there.

    Where the ROC curve, its points joined by straight lines, has as many false alarms as
    misses.
    """
    labels, scores = labels_and_scores(labels, scores)
    if not has_both_classes(labels):
        return float("nan")
    curve = roc_curve(labels, scores)
    false_alarms, misses = curve.false_positive_rate, 1 - curve.true_positive_rate
    gap = false_alarms - misses  # rises from -1 to 1
    right = int(np.argmax(gap >= 0))
    left = right - 1
    share = -gap[left] / (gap[right] - gap[left])
    return float(false_alarms[left] + share * (false_alarms[right] - false_alarms[left]))


def average_precision(labels: Any, scores: Any) -> float:
    """Return the average precision of the fake class, NaN if only one class is there."""
    labels, scores = labels_and_scores(labels, scores)
    if not has_both_classes(labels):
        return float("nan")
    return float(sklearn_metrics.average_precision_score(labels, scores))
