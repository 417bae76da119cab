"""How far metrics could move had other people, or other recordings, been tested.

Whole clusters of clips are drawn with replacement. A resample is not gathered: it is a row of
counts, how often each cluster was drawn, and all metrics of a table are computed from the same rows
(see :mod:`macbdf_mm.evaluation.functional.weighted_clips`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.functional.clusters import MIN_CLUSTERS, Clusters
from macbdf_mm.evaluation.functional.weighted_clips import (
    Floats,
    Measure,
    WeightedClips,
)

MAX_LEVELS = 2**14
"""Distinct scores that the resamples of large sets are computed with.

More are gathered into so many levels, which moves an end of an interval by less than a hundredth of
its width. The values themselves are exact, and so are all metrics that do not need an order.
"""

RECENTRED = ("ece",)
"""Metrics (the last part of their key) whose replicates are moved so that their mean is the value.

A resample repeats clips, and bins of fewer distinct clips look less calibrated: its calibration
error is too high, by as much as that of the clips themselves exceeds the true one.
"""

# Numbers in one array of a chunk of resamples: for the levels, so that a dozen of arrays stay in
# the caches, and for the clusters, 64 MB.
_LEVELS_AT_ONCE = 2**18
_CLUSTERS_AT_ONCE = 2**23


class Estimate(NamedTuple):
    """The value of a metric and its interval.

    Attributes:
        value: On the clips as they are; NaN where it is not defined.
        low: Lower end of the interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ClusterReport:
    """What the intervals of a table rest on.

    Attributes:
        kind: What is resampled, as :attr:`Clusters.description` says it.
        num_clusters: Number of clusters.
        num_fake_clusters: Of those, how many hold a fake clip.
        num_real_clusters: How many hold a real clip.
    """

    kind: str
    num_clusters: int
    num_fake_clusters: int
    num_real_clusters: int

    @property
    def is_reliable(self) -> bool:
        """Whether each class is spread over at least 10 clusters.

        With fewer, percentile intervals are too narrow, and nothing better is known of people
        that were not tested.
        """
        return min(self.num_fake_clusters, self.num_real_clusters) >= MIN_CLUSTERS


@dataclass(frozen=True, eq=False)
class Bootstrapped:
    """Metrics of one set of clips with their intervals.

    Attributes:
        estimates: Value and interval by the name of the metric.
        replicates: (R,) values of the resamples by the name of the metric.
        clusters: What was resampled.
    """

    estimates: dict[str, Estimate]
    replicates: dict[str, Floats]
    clusters: ClusterReport


def cluster_bootstrap(
    labels: Any,
    scores: Any,
    clusters: Clusters,
    measures: Mapping[str, Measure],
    *,
    num_resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    max_levels: int | None = MAX_LEVELS,
) -> Bootstrapped:
    """Return all metrics of a set of clips with percentile intervals.

    There are none (NaN) where all resamples are alike, as those of a single person: that says
    nothing of others.

    Clusters that hold real clips, fakes, or both are drawn apart, so that each resample has as
    many of each kind as the set has: no resample is without a class. With every clip a cluster of
    its own, this is the usual bootstrap within each class.

    Args:
        labels: 1 fake, 0 real, shape (N,).
        scores: P(fake), shape (N,).
        clusters: Of the N clips.
        measures: By name, such as
            :func:`~macbdf_mm.evaluation.functional.detection.detection_measures`.
        num_resamples: Number of resamples R.
        confidence: Share of the resamples within the interval.
        seed: Of the drawing; the same clips get the same intervals.
        max_levels: Of the scores in resamples; None: each distinct score is one.

    Raises:
        ValueError: If labels and scores are not of that kind, or a setting is out of its range.
    """
    check_settings(num_resamples, confidence)
    classes = ClassesOfClusters(labels, clusters)
    whole = WeightedClips.unweighted(labels, scores)
    values = {name: float(measure(whole)[0]) for name, measure in measures.items()}
    ranked = whole.clips.grouped(clusters.index, clusters.num, max_levels)
    del whole  # and with it its sums, which are as large as the clips
    rows: dict[str, list[Floats]] = {name: [] for name in measures}
    for counts in classes.draw(num_resamples, seed, ranked.first.size):
        resampled = WeightedClips(ranked, counts)
        for name, measure in measures.items():
            rows[name].append(measure(resampled))
    replicates = {name: np.concatenate(parts) for name, parts in rows.items()}
    estimates = {}
    for name, value in values.items():
        low, high = np.nan, np.nan
        if classes.can_vary:
            low, high = percentile_interval(replicates[name], confidence)
        if name.split("/")[-1] in RECENTRED:
            shift = value - float(np.mean(replicates[name]))
            low, high = max(low + shift, 0.0), high + shift
        estimates[name] = Estimate(value, low, high)
    return Bootstrapped(estimates, replicates, classes.report)


class ClassesOfClusters:
    """Clusters with the classes of their clips, from which resamples are drawn.

    Args:
        labels: 1 fake, 0 real, shape (N,).
        clusters: Of the N clips.

    Raises:
        ValueError: If the numbers of clips differ.
    """

    def __init__(self, labels: Any, clusters: Clusters) -> None:
        labels = np.asarray(labels)
        if labels.shape != clusters.index.shape:
            raise ArgumentError(
                f"Expected `clusters` of the {labels.size} clips, got {clusters.index.size} clips."
            )
        self.clusters = clusters
        self._num_fake = np.bincount(clusters.index, labels == 1, clusters.num)
        self._num_real = np.bincount(clusters.index, labels == 0, clusters.num)

    @property
    def report(self) -> ClusterReport:
        """What intervals from these clusters rest on."""
        return ClusterReport(
            self.clusters.description,
            self.clusters.num,
            int((self._num_fake > 0).sum()),
            int((self._num_real > 0).sum()),
        )

    @property
    def can_vary(self) -> bool:
        """Whether resamples differ: two clusters with clips of the same classes, or more."""
        return any(members.size > 1 for members in self._strata)

    @property
    def _strata(self) -> list[npt.NDArray[np.int64]]:
        """The clusters that hold fakes, real clips, and both."""
        pattern = (self._num_fake > 0) + 2 * (self._num_real > 0)
        return [np.flatnonzero(pattern == kind) for kind in (1, 2, 3)]

    def draw(self, num_resamples: int, seed: int, num_levels: int = 1) -> Iterator[Floats]:
        """Yield how often each cluster is drawn, (R', C) at a time, R rows in all.

        The rows do not depend on how many come at a time.

        Args:
            num_resamples: Number of resamples R.
            seed: Of the drawing.
            num_levels: Numbers per resample that are computed from the counts; the more, the fewer
                rows come at a time.
        """
        strata = self._strata
        generators = [np.random.default_rng([seed, kind]) for kind in (1, 2, 3)]
        by_levels = _LEVELS_AT_ONCE // max(num_levels, 1)
        by_clusters = _CLUSTERS_AT_ONCE // max(self.clusters.num, 1)
        step = max(1, min(by_levels, by_clusters))
        for start in range(0, num_resamples, step):
            num_rows = min(step, num_resamples - start)
            counts = np.zeros((num_rows, self.clusters.num))
            for members, generator in zip(strata, generators, strict=True):
                if members.size:
                    counts[:, members] = _draw_counts(generator, num_rows, members.size)
            yield counts


def percentile_interval(replicates: Floats, confidence: float = 0.95) -> tuple[float, float]:
    """Return the ends (low, high) between which a share of the replicates lies.

    Args:
        replicates: (R,) values; those that are NaN are left out. NaN if all are.
        confidence: The share, in the middle.
    """
    defined = replicates[~np.isnan(replicates)]
    if not defined.size:
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def measure_of(function: Callable[[Any, Any], float]) -> Measure:
    """Return a measure from any function of labels and scores.

    Clips are repeated as often as their cluster was drawn, one resample after the other: it
    takes as long as the function does, times the number of resamples.

    Args:
        function: Takes labels (int64) and scores (float64), each of shape (N,); its order of the
            clips is that of the scores, descending.
    """

    def measure(clips: WeightedClips) -> Floats:
        labels = clips.clips.is_fake.astype(np.int64)
        times = clips.weights.astype(np.int64)
        return np.array(
            [function(np.repeat(labels, row), np.repeat(clips.clips.scores, row)) for row in times],
            dtype=np.float64,
        )

    return measure


def check_settings(num_resamples: int, confidence: float) -> None:
    """Raise ``ValueError`` if there are no resamples or the confidence is no share."""
    if num_resamples < 1:
        raise ArgumentError(f"Expected `num_resamples` > 0, got {num_resamples}.")
    if not 0 < confidence < 1:
        raise ArgumentError(f"Expected `confidence` inside (0, 1), got {confidence}.")


def _draw_counts(
    generator: np.random.Generator, num_rows: int, num_members: int
) -> npt.NDArray[np.int64]:
    drawn = generator.integers(0, num_members, (num_rows, num_members))
    drawn += num_members * np.arange(num_rows)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=num_rows * num_members)
    return counts.reshape(num_rows, num_members)
