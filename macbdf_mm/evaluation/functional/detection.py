"""Measures of detection: labels and scores in, one number out.

By rank alone (area under the ROC curve, equal error rate, precision) and at a threshold. All of
them check their arguments by the same rule, and are NaN where they are not defined.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from sklearn import metrics as sklearn_metrics

from macbdf_mm.errors import ArgumentError
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
        raise ArgumentError(
            f"Expected `labels` and `scores` of one shape (N,), got {labels.shape} "
            f"and {scores.shape}."
        )
    if not np.isin(labels, (REAL, FAKE)).all():
        strange = sorted(set(labels.tolist()) - {REAL, FAKE})
        raise ArgumentError(
            f"Expected `labels` of 0 and 1, got {strange}; leave unknown clips out."
        )
    if np.isnan(scores).any():
        raise ArgumentError(
            f"Expected `scores` without NaN, got {int(np.isnan(scores).sum())} of "
            f"{scores.size}; leave unscored clips out."
        )
    return labels.astype(np.int64), scores


def has_both_classes(labels: Labels) -> bool:
    """Return whether there is a real and a fake clip to tell apart."""
    return bool((labels == FAKE).any() and (labels == REAL).any())


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


def eer(labels: Any, scores: Any) -> float:
    """Return the equal error rate, NaN if only one class is there.

    Where the ROC curve, its points joined by straight lines, has as many false alarms as
    misses.
    """
    labels, scores = labels_and_scores(labels, scores)
    if not has_both_classes(labels):
        return float("nan")
    false_alarms, found, _ = sklearn_metrics.roc_curve(labels, scores, drop_intermediate=False)
    gap = false_alarms - (1 - found)  # rises from -1 to 1
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


def accuracy(labels: Any, scores: Any, threshold: float) -> float:
    """Return the share of clips decided rightly, NaN without clips.

    Args:
        labels: 1 fake, 0 real, shape (N,).
        scores: P(fake), shape (N,).
        threshold: A clip is called fake if its score is at least this.
    """
    labels, scores = labels_and_scores(labels, scores)
    if not labels.size:
        return float("nan")
    return float(((scores >= threshold) == (labels == FAKE)).mean())


def balanced_accuracy(labels: Any, scores: Any, threshold: float) -> float:
    """Return the mean of the two classes' accuracies, NaN if only one class is there.

    Unlike the accuracy it is 0.5 for "always fake", however many fakes there are. Arguments
    as in :func:`accuracy`.
    """
    labels, scores = labels_and_scores(labels, scores)
    if not has_both_classes(labels):
        return float("nan")
    is_called_fake = scores >= threshold
    sensitivity = is_called_fake[labels == FAKE].mean()
    specificity = (~is_called_fake[labels == REAL]).mean()
    return float((sensitivity + specificity) / 2)


def best_threshold(labels: Any, scores: Any) -> float:
    """Return the threshold of the highest balanced accuracy, NaN if only one class is there.

    The same threshold maximises Youden's J. It lies half-way between two scores; among equal
    ones the widest gap is taken, the lowest if that is equal too.

    Args:
        labels: 1 fake, 0 real, shape (N,).
        scores: P(fake) in [0, 1], shape (N,).
    """
    labels, scores = labels_and_scores(labels, scores)
    if not has_both_classes(labels):
        return float("nan")
    edges = np.unique(np.concatenate([scores, [0.0, 1.0]]))
    candidates = (edges[:-1] + edges[1:]) / 2
    gaps = np.diff(edges)
    fakes, reals = np.sort(scores[labels == FAKE]), np.sort(scores[labels == REAL])
    sensitivity = 1 - np.searchsorted(fakes, candidates, side="left") / fakes.size
    specificity = np.searchsorted(reals, candidates, side="left") / reals.size
    value = np.round(sensitivity + specificity, 12)  # equal sums, whatever their last bit
    best = max(range(candidates.size), key=lambda i: (value[i], gaps[i], -i))
    return float(candidates[best])
