"""Scored clips, sorted once, and sums over them for many resamples at a time.

A resample of a bootstrap says how often each cluster of clips was drawn. All that a metric needs
are sums over clips, such as the number of fakes of each score, and these are linear in the counts:
sums by cluster are computed once, and a resample costs a product with them and no sorting. Every
metric is defined once, as a function of :class:`WeightedClips`; its value on a test set is that
for the clips as they are, each once.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import sparse

from macbdf_mm.errors import ArgumentError
from macbdf_mm.structures.labels import FAKE, REAL

Labels = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

Measure = Callable[["WeightedClips"], Floats]
"""A metric of weighted clips: R values, one for each resample, NaN where it is not defined."""

Derived = TypeVar("Derived")


def labels_and_scores(labels: Any, scores: Any) -> tuple[Labels, Scores]:
    """Return both as arrays of shape (N,), int64 and float64.

    Raises:
        ValueError: If the shapes differ, a label is neither 0 nor 1, or a score is NaN. The
            message says the index of the first such clip.
    """
    labels = np.asarray(labels)
    scores = np.asarray(scores, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != scores.shape:
        raise ArgumentError(
            f"Expected `labels` and `scores` of one shape (N,), got {labels.shape} "
            f"and {scores.shape}."
        )
    is_known = (labels == REAL) | (labels == FAKE)
    if not is_known.all():
        strange = sorted(set(labels[~is_known].tolist()))
        raise ArgumentError(
            f"Expected `labels` of 0 and 1, got {strange}; leave unknown clips out (the first is "
            f"at index {int(np.argmin(is_known))})."
        )
    is_nan = np.isnan(scores)
    if is_nan.any():
        raise ArgumentError(
            f"Expected `scores` without NaN, got {int(is_nan.sum())} of {scores.size}; leave "
            f"unscored clips out (the first is at index {int(np.argmax(is_nan))})."
        )
    return labels.astype(np.int64), scores


@dataclass(frozen=True, eq=False)
class RankedClips:
    """Clips in descending order of their score. Equal scores form one level.

    Attributes:
        order: (N,) position of each ranked clip in the arrays that were given.
        is_fake: (N,) bool, in ranked order.
        scores: (N,) in ranked order.
        cluster: (N,) int64, the cluster of each ranked clip.
        num_clusters: Number of clusters C.
        first: (K,) index of the first ranked clip of each of the K levels.
        max_levels: The limit of K; None if there is none.
    """

    order: Indices
    is_fake: npt.NDArray[np.bool_]
    scores: Scores
    cluster: Indices
    num_clusters: int
    first: Indices
    max_levels: int | None = None
    _derived: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls,
        labels: Any,
        scores: Any,
        cluster: Indices | None = None,
        num_clusters: int = 1,
        max_levels: int | None = None,
    ) -> "RankedClips":
        """Return the clips of labels and scores.

        Args:
            labels: 1 fake, 0 real, shape (N,).
            scores: Higher for fake, shape (N,).
            cluster: Cluster of each clip, 0 to ``num_clusters - 1``, shape (N,); all in one if it
                is left out.
            num_clusters: Number of clusters C.
            max_levels: If there are more distinct scores, neighbouring ones share a level, see
                :func:`coarse_levels`. None: never.

        Raises:
            ValueError: As :func:`labels_and_scores`.
        """
        labels, scores = labels_and_scores(labels, scores)
        order = np.argsort(-scores, kind="stable")
        ranked, is_fake = scores[order], labels[order] == FAKE
        of_clip = np.zeros(order.size, np.int64)
        whole = cls(order, is_fake, ranked, of_clip, 1, first_of_runs(ranked))
        if cluster is None and max_levels is None:
            return whole
        return whole.grouped(cluster, num_clusters, max_levels)

    def grouped(
        self, cluster: Indices | None, num_clusters: int = 1, max_levels: int | None = None
    ) -> "RankedClips":
        """Return the same clips in other clusters and levels, without sorting them again.

        Args:
            cluster: As of :meth:`of`, in the order in which the clips were given there.
            num_clusters: Number of clusters C.
            max_levels: As of :meth:`of`; the levels must be those of all distinct scores.
        """
        first = self.first
        if max_levels is not None and first.size > max_levels:
            first = coarse_levels(first, self.is_fake, max_levels)
        of_clip = self.cluster if cluster is None else cluster[self.order]
        return RankedClips(
            self.order, self.is_fake, self.scores, of_clip, num_clusters, first, max_levels
        )

    @property
    def level_of_clip(self) -> Indices:
        """Level of each ranked clip, 0 to K - 1, shape (N,)."""
        return run_numbers(self.first, self.scores.size)

    def derive(self, key: Hashable, function: Callable[[], Derived]) -> Derived:
        """Return what a function returned when it was first called with this key."""
        if key not in self._derived:
            self._derived[key] = function()
        return self._derived[key]


class WeightedClips:
    """Ranked clips in R resamples of their clusters.

    Args:
        clips: The clips.
        counts: (R, C) how often each cluster was drawn.
    """

    def __init__(self, clips: RankedClips, counts: Floats) -> None:
        self.clips = clips
        self.counts = counts
        self._counts_by_cluster = np.ascontiguousarray(counts.T, dtype=np.float64)  # (C, R)

    @classmethod
    def unweighted(cls, labels: Any, scores: Any) -> "WeightedClips":
        """Return the clips as they are (R = 1).

        Raises:
            ValueError: As :func:`labels_and_scores`.
        """
        return cls(RankedClips.of(labels, scores), np.ones((1, 1)))

    @property
    def undefined(self) -> Floats:
        """NaN for every resample, shape (R,)."""
        return np.full(self.counts.shape[0], np.nan)

    @cached_property
    def weights(self) -> Floats:
        """How often each ranked clip was drawn, shape (R, N)."""
        return np.take(self.counts, self.clips.cluster, axis=1)

    def sums_by(self, key: Hashable, design: Callable[[], tuple[Indices, Floats, int]]) -> Floats:
        """Return weighted sums over groups of clips, shape (R, G).

        Args:
            key: Names the design; it is called once for all resamples.
            design: Returns the group of each ranked clip (N,), the values that are added up (N,),
                and the number of groups G.
        """
        matrix = self.clips.derive(key, lambda: _cluster_sums(self.clips, *design()))
        return np.ascontiguousarray((matrix @ self._counts_by_cluster).T)

    def sum_over_fakes(self, key: Hashable, function: Callable[[Scores], Any]) -> Floats:
        """Return the weighted sum over the fakes of a function of the score, shape (R,).

        Args:
            key: Names the function; it is called once for all resamples.
            function: Ranked scores in, values of the same shape out.
        """
        clips = self.clips
        zeros = np.zeros(clips.scores.size, np.int64)
        return self.sums_by(
            ("fakes", key),
            lambda: (zeros, np.where(clips.is_fake, function(clips.scores), 0.0), 1),
        )[:, 0]

    def sum_over_reals(self, key: Hashable, function: Callable[[Scores], Any]) -> Floats:
        """Return the weighted sum over the real clips; as :meth:`sum_over_fakes`."""
        clips = self.clips
        zeros = np.zeros(clips.scores.size, np.int64)
        return self.sums_by(
            ("reals", key),
            lambda: (zeros, np.where(clips.is_fake, 0.0, function(clips.scores)), 1),
        )[:, 0]

    @cached_property
    def fakes_at(self) -> Floats:
        """Number of fakes on each level, shape (R, K)."""
        clips = self.clips
        return self.sums_by(
            "fakes_at",
            lambda: (clips.level_of_clip, clips.is_fake.astype(np.float64), clips.first.size),
        )

    @cached_property
    def reals_at(self) -> Floats:
        """Number of real clips on each level, shape (R, K)."""
        clips = self.clips
        return self.sums_by(
            "reals_at",
            lambda: (clips.level_of_clip, (~clips.is_fake).astype(np.float64), clips.first.size),
        )

    @cached_property
    def fakes_above(self) -> Floats:
        """Number of fakes on the first 0 to K levels, shape (R, K + 1)."""
        return _cumulate(self.fakes_at)

    @cached_property
    def reals_above(self) -> Floats:
        """Number of real clips on the first 0 to K levels, shape (R, K + 1)."""
        return _cumulate(self.reals_at)

    @cached_property
    def num_fakes(self) -> Floats:
        """Number of fakes, shape (R,)."""
        return self.sum_over_fakes("number", np.ones_like)

    @cached_property
    def num_reals(self) -> Floats:
        """Number of real clips, shape (R,)."""
        return self.sum_over_reals("number", np.ones_like)

    @cached_property
    def fakes_or_nan(self) -> Floats:
        """Number of fakes, NaN where it is 0: a share of them is then not defined."""
        return np.where(self.num_fakes > 0, self.num_fakes, np.nan)

    @cached_property
    def reals_or_nan(self) -> Floats:
        """Number of real clips, NaN where it is 0."""
        return np.where(self.num_reals > 0, self.num_reals, np.nan)

    @cached_property
    def clips_or_nan(self) -> Floats:
        """Number of clips, NaN where it is 0."""
        total = self.num_fakes + self.num_reals
        return np.where(total > 0, total, np.nan)

    def fakes_from(self, threshold: float) -> Floats:
        """Return the number of fakes whose score is at least a threshold, shape (R,)."""
        return self.sum_over_fakes(("from", threshold), lambda scores: scores >= threshold)

    def reals_from(self, threshold: float) -> Floats:
        """Return the number of real clips whose score is at least a threshold, shape (R,)."""
        return self.sum_over_reals(("from", threshold), lambda scores: scores >= threshold)

    def first_level(self, condition: Callable[[Floats, Floats], Any]) -> Indices:
        """Return the fewest levels at which a condition holds, shape (R,), by bisection.

        Args:
            condition: Of the numbers above, fakes and reals (R,), true at some number of levels
                and at all greater ones. It must hold at K.
        """
        rows = np.arange(self.counts.shape[0])
        low = np.full(rows.size, -1)  # the condition does not hold
        high = np.full(rows.size, self.clips.first.size)  # it holds
        while (high - low > 1).any():
            middle = np.maximum((low + high) // 2, 0)
            holds = condition(self.fakes_above[rows, middle], self.reals_above[rows, middle])
            low, high = np.where(holds, low, middle), np.where(holds, middle, high)
        return high


def first_of_runs(values: npt.NDArray[Any]) -> Indices:
    """Return the index of the first of each run of equal values."""
    is_first = np.ones(values.size, dtype=bool)
    is_first[1:] = values[1:] != values[:-1]
    return np.flatnonzero(is_first)


def run_numbers(first: Indices, size: int) -> Indices:
    """Return the number of the run that each of ``size`` elements is in, given where they start."""
    return np.repeat(np.arange(first.size), np.diff(first, append=size))


def coarse_levels(first: Indices, is_fake: npt.NDArray[np.bool_], max_levels: int) -> Indices:
    """Return the starts of at most ``max_levels`` levels of neighbouring distinct scores.

    Half of them hold equal numbers of clips. The others set the highest real clips apart, one by
    one: nothing changes where false alarms are rare, since the order of fakes between two real
    clips moves no point of the ROC curve.

    Args:
        first: (K,) start of each distinct score.
        is_fake: (N,) in ranked order.
        max_levels: At least 4.
    """
    if max_levels < 4:
        raise ArgumentError(f"Expected `max_levels` > 3, got {max_levels}.")
    even = np.linspace(0, is_fake.size, max_levels // 2, endpoint=False).astype(np.int64)
    reals = np.flatnonzero(~is_fake)[: max_levels // 4]
    edges = np.concatenate([even, reals, reals + 1])
    # Equal scores stay together.
    places = np.searchsorted(first, edges[edges < is_fake.size], side="right") - 1
    return first[np.unique(places)]


def _cluster_sums(clips: RankedClips, groups: Indices, values: Floats, num_groups: int) -> Any:
    """Return sums of values by group and cluster, (G, C), dense or sparse."""
    if clips.num_clusters == 1:
        return np.bincount(groups, values, num_groups)[:, None]
    filled = np.flatnonzero(values)
    places = (groups[filled], clips.cluster[filled])
    shape = (num_groups, clips.num_clusters)
    return sparse.csr_matrix((values[filled], places), shape=shape)


def _cumulate(at: Floats) -> Floats:
    above = np.empty((at.shape[0], at.shape[1] + 1))
    above[:, 0] = 0
    np.cumsum(at, axis=1, out=above[:, 1:])
    return above
