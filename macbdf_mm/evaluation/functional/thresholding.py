"""Measures at a decision threshold, and the choice of one."""

from typing import Any

import numpy as np

from macbdf_mm.evaluation.functional.checks import has_both_classes, labels_and_scores
from macbdf_mm.structures.labels import FAKE, REAL


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
