"""Metrics of detection: labels and scores of clips in, one number out.

Each is the value for weights of 1 of a measure that a bootstrap repeats with other weights. All of
them check their arguments by the same rule, and are NaN where they are not defined.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from macbdf_mm.evaluation.functional.costs import (
    ASVSPOOF5,
    DetectionCost,
    weighted_act_dcf,
    weighted_cllr,
    weighted_min_dcf,
)
from macbdf_mm.evaluation.functional.decisions import (
    weighted_accuracy,
    weighted_balanced_accuracy,
)
from macbdf_mm.evaluation.functional.proper_scores import (
    NUM_BINS,
    weighted_brier,
    weighted_ece,
    weighted_log_loss,
)
from macbdf_mm.evaluation.functional.ranking import (
    weighted_auc,
    weighted_average_precision,
    weighted_eer,
    weighted_tpr_at_fpr,
)
from macbdf_mm.evaluation.functional.selective import weighted_aurc
from macbdf_mm.evaluation.functional.weighted_clips import (
    Labels,
    Measure,
    Scores,
    WeightedClips,
    labels_and_scores,
)
from macbdf_mm.structures.labels import FAKE, REAL

__all__ = [
    "Labels",
    "Scores",
    "accuracy",
    "act_dcf",
    "auc",
    "aurc",
    "average_precision",
    "balanced_accuracy",
    "best_threshold",
    "brier",
    "cllr",
    "detection_measures",
    "ece",
    "eer",
    "has_both_classes",
    "labels_and_scores",
    "log_loss",
    "min_dcf",
    "tpr_at_fpr",
]


def has_both_classes(labels: Labels) -> bool:
    """Return whether there is a real and a fake clip to tell apart."""
    return bool((labels == FAKE).any() and (labels == REAL).any())


def auc(labels: Any, scores: Any) -> float:
    """Return the area under the ROC curve, NaN if only one class is there.

    The probability that a fake clip scores above a real one, a tie counting one half
    (Mann-Whitney U).

    Args:
        labels: 1 fake, 0 real, shape (N,).
        scores: P(fake), shape (N,).
    """
    return _value(weighted_auc, labels, scores)


def average_precision(labels: Any, scores: Any) -> float:
    """Return the average precision of the fake class, NaN if only one class is there."""
    return _value(weighted_average_precision, labels, scores)


def eer(labels: Any, scores: Any) -> float:
    """Return the equal error rate, NaN if only one class is there.

    Where the ROC curve, its points joined by straight lines, has as many false alarms as
    misses.
    """
    return _value(weighted_eer, labels, scores)


def tpr_at_fpr(labels: Any, scores: Any, max_fpr: float) -> float:
    """Return the share of fakes found if at most ``max_fpr`` of the real clips are called fake.

    NaN if only one class is there. See
    :func:`~macbdf_mm.evaluation.functional.ranking.weighted_tpr_at_fpr`.
    """
    return _value(partial(weighted_tpr_at_fpr, max_fpr=max_fpr), labels, scores)


def accuracy(labels: Any, scores: Any, threshold: float) -> float:
    """Return the share of clips decided rightly, NaN without clips or without a threshold.

    Args:
        labels: 1 fake, 0 real, shape (N,).
        scores: P(fake), shape (N,).
        threshold: A clip is called fake if its score is at least this.
    """
    return _value(partial(weighted_accuracy, threshold=threshold), labels, scores)


def balanced_accuracy(labels: Any, scores: Any, threshold: float) -> float:
    """Return the mean of the two classes' accuracies, NaN if only one class is there.

    Unlike the accuracy it is 0.5 for "always fake", however many fakes there are. Arguments
    as in :func:`accuracy`.
    """
    return _value(partial(weighted_balanced_accuracy, threshold=threshold), labels, scores)


def min_dcf(labels: Any, scores: Any, cost: DetectionCost = ASVSPOOF5) -> float:
    """Return the lowest normalised detection cost over all thresholds, NaN for one class.

    See :func:`~macbdf_mm.evaluation.functional.costs.weighted_min_dcf`.
    """
    return _value(partial(weighted_min_dcf, cost=cost), labels, scores)


def act_dcf(
    labels: Any, scores: Any, cost: DetectionCost = ASVSPOOF5, score_prior: float = 0.5
) -> float:
    """Return the normalised detection cost at the threshold that the costs imply.

    NaN for one class. See :func:`~macbdf_mm.evaluation.functional.costs.weighted_act_dcf`.
    """
    return _value(partial(weighted_act_dcf, cost=cost, score_prior=score_prior), labels, scores)


def cllr(labels: Any, scores: Any, score_prior: float = 0.5) -> float:
    """Return the cost of the log-likelihood ratio in bits, NaN for one class.

    See :func:`~macbdf_mm.evaluation.functional.costs.weighted_cllr`.
    """
    return _value(partial(weighted_cllr, score_prior=score_prior), labels, scores)


def log_loss(labels: Any, scores: Any) -> float:
    """Return the mean negative log-likelihood of the labels in nats, NaN without clips."""
    return _value(weighted_log_loss, labels, scores)


def brier(labels: Any, scores: Any) -> float:
    """Return the mean squared difference of score and label, NaN without clips."""
    return _value(weighted_brier, labels, scores)


def ece(labels: Any, scores: Any, num_bins: int = NUM_BINS) -> float:
    """Return the expected calibration error of P(fake), NaN without clips.

    Over bins of equal width, see
    :func:`~macbdf_mm.evaluation.functional.proper_scores.weighted_ece`.
    """
    return _value(partial(weighted_ece, num_bins=num_bins), labels, scores)


def aurc(labels: Any, scores: Any, threshold: float) -> float:
    """Return the area under the risk-coverage curve, NaN without clips or a threshold.

    See :func:`~macbdf_mm.evaluation.functional.selective.weighted_aurc`.
    """
    return _value(partial(weighted_aurc, threshold=threshold), labels, scores)


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
    best = np.lexsort((-np.arange(candidates.size), gaps, value))[-1]
    return float(candidates[best])


def detection_measures(
    threshold: float, cost: DetectionCost = ASVSPOOF5, score_prior: float = 0.5
) -> dict[str, Measure]:
    """Return every metric of detection by name, as measures for a bootstrap.

    Args:
        threshold: A clip is called fake if its score is at least this; chosen on validation data.
        cost: What errors cost, for ``min_dcf`` and ``act_dcf``.
        score_prior: Share of fakes for which the scores are calibrated, for ``act_dcf`` and
            ``cllr``.
    """
    return {
        "auc": weighted_auc,
        "ap": weighted_average_precision,
        "eer": weighted_eer,
        "acc": partial(weighted_accuracy, threshold=threshold),
        "balanced_acc": partial(weighted_balanced_accuracy, threshold=threshold),
        "tpr_at_fpr_1e2": partial(weighted_tpr_at_fpr, max_fpr=1e-2),
        "tpr_at_fpr_1e3": partial(weighted_tpr_at_fpr, max_fpr=1e-3),
        "min_dcf": partial(weighted_min_dcf, cost=cost),
        "act_dcf": partial(weighted_act_dcf, cost=cost, score_prior=score_prior),
        "cllr": partial(weighted_cllr, score_prior=score_prior),
        "log_loss": weighted_log_loss,
        "brier": weighted_brier,
        "ece": weighted_ece,
        "aurc": partial(weighted_aurc, threshold=threshold),
    }


def _value(measure: Callable[[WeightedClips], Any], labels: Any, scores: Any) -> float:
    return float(measure(WeightedClips.unweighted(labels, scores))[0])
