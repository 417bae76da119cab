"""Which of two detectors is better on the same clips, and how sure that is.

What other clips would say (paired bootstrap of clusters) is one question, what other training seeds
would say (:func:`compare_seeds`) another: the two spreads are never mixed.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student_t
from scipy.stats import ttest_ind

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.functional.cluster_bootstrap import (
    MAX_LEVELS,
    Bootstrapped,
    ClusterReport,
    cluster_bootstrap,
    percentile_interval,
)
from macbdf_mm.evaluation.functional.clusters import Clusters
from macbdf_mm.evaluation.functional.weighted_clips import Floats, Measure


class Difference(NamedTuple):
    """A metric of two detectors on the same clips.

    Attributes:
        value_a: Of the first detector.
        value_b: Of the second.
        difference: ``value_a - value_b``.
        low: Lower end of the interval of the difference.
        high: Upper end.
        p_value: Two-sided, of no difference: twice the smaller share of the resamples on either
            side of 0. Never below 2 / (R + 1). NaN, as the ends, where all resamples are alike.
    """

    value_a: float
    value_b: float
    difference: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two detectors, compared on the same clips.

    Attributes:
        differences: By the name of the metric.
        clusters: What was resampled.
    """

    differences: dict[str, Difference]
    clusters: ClusterReport


class SeedSpread(NamedTuple):
    """A metric over runs that differ in their training seed only.

    Attributes:
        mean: Over the seeds.
        standard_deviation: Over the seeds (n - 1); NaN for a single seed.
        low: Lower end of Student's interval of the mean; NaN for a single seed.
        high: Upper end.
        num_seeds: Number of seeds.
    """

    mean: float
    standard_deviation: float
    low: float
    high: float
    num_seeds: int


class SeedDifference(NamedTuple):
    """The difference of the means of two detectors over training seeds.

    Attributes:
        difference: Mean of the first minus mean of the second.
        low: Lower end of its interval; NaN if one has a single seed.
        high: Upper end.
        p_value: Two-sided, of no difference; NaN if one has a single seed.
    """

    difference: float
    low: float
    high: float
    p_value: float


def paired_bootstrap(
    labels: Any,
    scores_a: Any,
    scores_b: Any,
    clusters: Clusters,
    measures_a: Mapping[str, Measure],
    measures_b: Mapping[str, Measure] | None = None,
    *,
    num_resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    max_levels: int | None = MAX_LEVELS,
) -> Comparison:
    """Return the differences of all metrics of two detectors, with intervals and p-values.

    Both detectors are measured on the same resamples, so that what makes a resample hard for
    both does not count. Clusters are drawn as in
    :func:`~macbdf_mm.evaluation.functional.cluster_bootstrap.cluster_bootstrap`.

    Args:
        labels: 1 fake, 0 real, shape (N,).
        scores_a: Of the first detector, shape (N,).
        scores_b: Of the second, shape (N,).
        clusters: Of the N clips.
        measures_a: Metrics of the first, with its threshold.
        measures_b: The same metrics of the second, with its threshold; those of the first if they
            are left out.
        num_resamples: Number of resamples R.
        confidence: Of the intervals.
        seed: Of the drawing.
        max_levels: Of the scores in resamples.

    Raises:
        ValueError: If the arguments are not of the same clips or metrics, a score is NaN, or a
            setting is out of its range.
    """
    measures_b = measures_a if measures_b is None else measures_b
    if measures_a.keys() != measures_b.keys():
        raise ArgumentError(
            "Expected `measures_a` and `measures_b` of the same names, got "
            f"{sorted(measures_a.keys() ^ measures_b.keys())} in one of them only."
        )
    first, second = (
        cluster_bootstrap(
            labels,
            scores,
            clusters,
            measures,
            num_resamples=num_resamples,
            confidence=confidence,
            seed=seed,
            max_levels=max_levels,
        )
        for scores, measures in ((scores_a, measures_a), (scores_b, measures_b))
    )
    return compare_bootstraps([first], [second], confidence)


def compare_bootstraps(
    runs_a: Sequence[Bootstrapped], runs_b: Sequence[Bootstrapped], confidence: float = 0.95
) -> Comparison:
    """Return the differences of all metrics of two detectors from their bootstraps.

    Of several runs of a detector, one a training seed, the means of the metrics are compared: the
    intervals say what other clips would change, for these very runs.

    Args:
        runs_a: Bootstraps of the runs of the first detector.
        runs_b: Those of the second; all drew the same clusters of the same clips with the same
            seed.
        confidence: Of the intervals.

    Raises:
        ValueError: If they are not of the same metrics, or of other resamples.
    """
    runs = [*runs_a, *runs_b]
    names = list(runs[0].estimates)
    if any(list(run.estimates) != names or run.clusters != runs[0].clusters for run in runs):
        raise ArgumentError(
            "Expected bootstraps of the same metrics and the same clusters of clips."
        )
    differences = {}
    for name in names:
        values = [np.mean([run.estimates[name].value for run in side]) for side in (runs_a, runs_b)]
        drawn = [
            np.mean([run.replicates[name] for run in side], axis=0) for side in (runs_a, runs_b)
        ]
        replicates = drawn[0] - drawn[1]
        if any(math.isnan(run.estimates[name].low) for run in runs):
            # Not defined, or all resamples are alike: what is always the same shows nothing.
            replicates = np.full_like(replicates, np.nan)
        differences[name] = Difference(
            float(values[0]),
            float(values[1]),
            float(values[0] - values[1]),
            *percentile_interval(replicates, confidence),
            _p_value(replicates),
        )
    return Comparison(differences, runs[0].clusters)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for making several comparisons (Holm, 1979), in the same order.

    If the adjusted value is below 0.05, the chance of a single false finding among all
    comparisons is below 5 %. NaN stays NaN and is not counted as a comparison.

    Raises:
        ValueError: If a p-value lies outside [0, 1].
    """
    values = np.asarray(p_values, dtype=np.float64)
    if ((values < 0) | (values > 1)).any():
        raise ArgumentError(f"Expected `p_values` in [0, 1], got {list(p_values)}.")
    defined = np.flatnonzero(~np.isnan(values))
    order = defined[np.argsort(values[defined], kind="stable")]
    scaled = values[order] * np.arange(order.size, 0, -1)
    values[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return [float(value) for value in values]


def seed_spread(values: Sequence[float], confidence: float = 0.95) -> SeedSpread:
    """Return mean and spread of a metric over training seeds.

    Args:
        values: The metric of each run on the same clips, at least one.
        confidence: Of Student's interval of the mean.

    Raises:
        ValueError: If there is no value, or one is NaN.
    """
    runs = np.asarray(values, dtype=np.float64)
    if not runs.size or np.isnan(runs).any():
        raise ArgumentError(f"Expected `values` of one or more runs, got {list(values)}.")
    mean = float(runs.mean())
    if runs.size == 1:
        return SeedSpread(mean, math.nan, math.nan, math.nan, 1)
    deviation = float(runs.std(ddof=1))
    quantile = float(student_t.ppf((1 + confidence) / 2, runs.size - 1))
    reach = quantile * deviation / math.sqrt(runs.size)
    return SeedSpread(mean, deviation, mean - reach, mean + reach, runs.size)


def compare_seeds(
    values_a: Sequence[float], values_b: Sequence[float], confidence: float = 0.95
) -> SeedDifference:
    """Return how the means over training seeds of two detectors differ (Welch's test).

    Args:
        values_a: A metric of each run of the first, on the same clips.
        values_b: Of each run of the second.
        confidence: Of the interval.

    Raises:
        ValueError: If one has no run, or a value is NaN.
    """
    spreads = [seed_spread(values, confidence) for values in (values_a, values_b)]
    difference = spreads[0].mean - spreads[1].mean
    if min(spread.num_seeds for spread in spreads) < 2:
        return SeedDifference(difference, math.nan, math.nan, math.nan)
    with warnings.catch_warnings():
        # Runs that all have one value: the p-value is then 0, or NaN for equal means.
        warnings.simplefilter("ignore", RuntimeWarning)
        test = ttest_ind(values_a, values_b, equal_var=False)
        low, high = test.confidence_interval(confidence)
    return SeedDifference(difference, float(low), float(high), float(test.pvalue))


def _p_value(replicates: Floats) -> float:
    defined = replicates[~np.isnan(replicates)]
    if not defined.size:
        return math.nan
    sides = min((defined <= 0).sum(), (defined >= 0).sum())
    return float(min(1.0, 2 * (1 + sides) / (1 + defined.size)))
