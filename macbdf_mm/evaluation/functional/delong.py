"""Variance of areas under ROC curves and of their differences (DeLong et al., 1988).

With midranks, as Sun and Xu (2014): O(N log N).
"""

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import rankdata, t

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.functional.clusters import Clusters
from macbdf_mm.evaluation.functional.weighted_clips import Floats, labels_and_scores
from macbdf_mm.structures.labels import FAKE, REAL


class AucDifference(NamedTuple):
    """The areas of two detectors on the same clips, and how they differ.

    Attributes:
        auc_a: Area of the first.
        auc_b: Area of the second.
        difference: ``auc_a - auc_b``.
        standard_error: Of the difference.
        low: Lower end of the interval of the difference.
        high: Upper end.
        p_value: Two-sided, of both areas being equal. 1 if the detectors rank all clips alike.
    """

    auc_a: float
    auc_b: float
    difference: float
    standard_error: float
    low: float
    high: float
    p_value: float


def auc_covariance(
    labels: Any, scores: Any, clusters: Clusters | None = None
) -> tuple[Floats, Floats]:
    """Return the areas (S,) of S detectors on the same clips, and their covariance (S, S).

    Args:
        labels: 1 fake, 0 real, shape (N,).
        scores: Of each detector, shape (S, N).
        clusters: Clips of one cluster may depend on each other; the covariance is then that of
            sums over clusters (Obuchowski, 1997). None: all clips are independent, as in DeLong's
            test.

    Returns:
        NaN throughout if only one class is there; a covariance that is NaN if a class has a
        single clip, or if there is a single cluster.

    Raises:
        ValueError: If labels, scores or clusters are not of N clips, or a score is NaN.
    """
    scores = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    checked, _ = labels_and_scores(labels, scores[0])
    for row in scores[1:]:
        labels_and_scores(checked, row)
    is_fake = checked == FAKE
    num_fakes, num_reals = int(is_fake.sum()), int((checked == REAL).sum())
    num_systems = scores.shape[0]
    if not (num_fakes and num_reals):
        return np.full(num_systems, np.nan), np.full((num_systems, num_systems), np.nan)
    # The share of the other class that each clip is ranked right against.
    won = np.empty_like(scores)
    for row, values in enumerate(scores):
        ranks = rankdata(values)
        won[row, is_fake] = (ranks[is_fake] - rankdata(values[is_fake])) / num_reals
        won[row, ~is_fake] = 1 - (ranks[~is_fake] - rankdata(values[~is_fake])) / num_fakes
    areas = won[:, is_fake].mean(axis=1)
    if clusters is None:
        parts = [
            _covariance_of_mean(won[:, is_fake]),
            _covariance_of_mean(won[:, ~is_fake]),
        ]
        return areas, parts[0] + parts[1]
    if clusters.index.shape != checked.shape:
        raise ArgumentError(
            f"Expected `clusters` of the {checked.size} clips, got {clusters.index.size} clips."
        )
    influence = (won - areas[:, None]) / np.where(is_fake, num_fakes, num_reals)
    sums = np.stack([np.bincount(clusters.index, row, clusters.num) for row in influence])
    if clusters.num < 2:
        return areas, np.full((num_systems, num_systems), np.nan)
    return areas, sums @ sums.T * clusters.num / (clusters.num - 1)


def delong_interval(
    labels: Any, scores: Any, clusters: Clusters | None = None, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Return the area under the ROC curve and its interval (area, low, high).

    The interval is that of a normal distribution of the area's logit, over clusters of Student's
    t, so that it stays inside (0, 1). An area of 0 or 1 has no width. Arguments and
    errors as of :func:`auc_covariance`.

    Args:
        labels: 1 fake, 0 real, shape (N,).
        scores: Of one detector, shape (N,).
        clusters: What depends on each other.
        confidence: Of the interval.
    """
    areas, covariance = auc_covariance(labels, scores, clusters)
    area, variance = float(areas[0]), float(covariance[0, 0])
    if area in (0.0, 1.0):
        return area, area, area
    center = math.log(area / (1 - area)) if not math.isnan(area) else math.nan
    reach = _quantile(confidence, clusters) * math.sqrt(variance) / (area * (1 - area))
    low, high = (1 / (1 + math.exp(-(center + sign * reach))) for sign in (-1, 1))
    return area, low, high


def compare_aucs(
    labels: Any,
    scores_a: Any,
    scores_b: Any,
    clusters: Clusters | None = None,
    confidence: float = 0.95,
) -> AucDifference:
    """Return the difference of the areas of two detectors on the same clips, with its test.

    Args:
        labels: 1 fake, 0 real, shape (N,).
        scores_a: Of the first detector, shape (N,), on any scale; or (S, N) of S runs of it, one
            a training seed, the mean of whose areas is compared.
        scores_b: Of the second, likewise.
        clusters: As of :func:`auc_covariance`. Without them the p-value is too small wherever
            clips of one person resemble each other.
        confidence: Of the interval.

    Raises:
        ValueError: As :func:`auc_covariance`.
    """
    sides = [np.atleast_2d(np.asarray(scores, np.float64)) for scores in (scores_a, scores_b)]
    areas, covariance = auc_covariance(labels, np.concatenate(sides), clusters)
    num_a, num_b = (len(side) for side in sides)
    auc_a, auc_b = areas[:num_a].mean(), areas[num_a:].mean()
    weights = np.repeat([1 / num_a, -1 / num_b], [num_a, num_b])
    difference = float(auc_a - auc_b)
    variance = float(weights @ covariance @ weights)
    # Detectors that rank all clips alike: what is left is rounding.
    error = math.sqrt(variance) if variance > 1e-20 or math.isnan(variance) else 0.0
    reach = _quantile(confidence, clusters) * error
    if error == 0:
        p_value = 1.0 if abs(difference) < 1e-12 else 0.0
    else:
        p_value = float(2 * t.sf(abs(difference) / error, _freedom(clusters)))
    return AucDifference(
        float(auc_a),
        float(auc_b),
        difference,
        error,
        difference - reach,
        difference + reach,
        p_value,
    )


def _covariance_of_mean(values: Floats) -> Floats:
    num_systems, num_values = values.shape
    if num_values < 2:
        return np.full((num_systems, num_systems), np.nan)
    return np.atleast_2d(np.cov(values)) / num_values


def _freedom(clusters: Clusters | None) -> float:
    """Return the degrees of freedom: infinite, a normal distribution, in DeLong's own test.

    A variance from few persons is itself uncertain: with 5 of them, a normal distribution finds a
    difference in 12 of 100 pairs of equal detectors at a level of 5 %, Student's t in 5.
    """
    return math.inf if clusters is None else max(1, clusters.num - 1)


def _quantile(confidence: float, clusters: Clusters | None) -> float:
    if not 0 < confidence < 1:
        raise ArgumentError(f"Expected `confidence` inside (0, 1), got {confidence}.")
    return float(t.ppf((1 + confidence) / 2, _freedom(clusters)))
