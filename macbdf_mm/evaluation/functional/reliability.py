"""Points of a reliability plot: which share of the clips of a score are fake."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.functional.cluster_bootstrap import (
    ClassesOfClusters,
    check_settings,
    percentile_interval,
)
from macbdf_mm.evaluation.functional.clusters import Clusters
from macbdf_mm.evaluation.functional.probabilities import checked_probabilities
from macbdf_mm.evaluation.functional.proper_scores import NUM_BINS, bin_of
from macbdf_mm.evaluation.functional.weighted_clips import (
    Floats,
    RankedClips,
    WeightedClips,
    labels_and_scores,
)
from macbdf_mm.structures.labels import FAKE

# Scores are gathered on so many points before they are smoothed; ten within a bandwidth of 0.01.
_NUM_POINTS = 1001


class ReliabilityBins(NamedTuple):
    """The bins of the expected calibration error that hold clips.

    Attributes:
        scores: (B,) mean P(fake).
        fake_shares: (B,) share of fakes.
        num_clips: (B,) int64.
    """

    scores: Floats
    fake_shares: Floats
    num_clips: npt.NDArray[np.int64]


class ReliabilityCurve(NamedTuple):
    """A smooth reliability plot.

    Attributes:
        scores: (P,) P(fake), from 0 to 1.
        fake_shares: (P,) share of fakes among the clips of about that score; NaN where there are
            none.
        densities: (P,) how many clips have about that score; the mean over [0, 1] is 1.
    """

    scores: Floats
    fake_shares: Floats
    densities: Floats


def reliability_bins(labels: Any, scores: Any, num_bins: int = NUM_BINS) -> ReliabilityBins:
    """Return mean score, share of fakes and number of clips of each bin that is not empty.

    Args:
        labels: 1 fake, 0 real, shape (N,).
        scores: P(fake) in [0, 1], shape (N,).
        num_bins: As of :func:`~macbdf_mm.evaluation.functional.proper_scores.weighted_ece`.

    Raises:
        ValueError: If labels or scores are not of that kind, or there is no bin.
    """
    if num_bins < 1:
        raise ArgumentError(f"Expected `num_bins` > 0, got {num_bins}.")
    labels, scores = labels_and_scores(labels, scores)
    bins = bin_of(checked_probabilities(scores), num_bins)
    num_clips = np.bincount(bins, minlength=num_bins)
    filled = num_clips > 0
    sums = [np.bincount(bins, values, num_bins)[filled] for values in (scores, labels == FAKE)]
    num_clips = num_clips[filled]
    return ReliabilityBins(sums[0] / num_clips, sums[1] / num_clips, num_clips)


def reliability_intervals(
    labels: Any,
    scores: Any,
    clusters: Clusters,
    num_bins: int = NUM_BINS,
    *,
    num_resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Floats:
    """Return an interval of the share of fakes of each bin that is not empty, shape (B, 2).

    Clusters of clips are resampled, as for all intervals. Where no resample differs, as in a bin
    of fakes alone, that says nothing of other clips: the interval is then that of Clopper and
    Pearson (1934), with each cluster in the bin as one observation.

    Args:
        labels: 1 fake, 0 real, shape (N,).
        scores: P(fake) in [0, 1], shape (N,).
        clusters: Of the N clips.
        num_bins: As of :func:`reliability_bins`.
        num_resamples: Number of resamples.
        confidence: Of the intervals.
        seed: Of the drawing.

    Raises:
        ValueError: As :func:`reliability_bins`, or if a setting is out of its range.
    """
    check_settings(num_resamples, confidence)
    found = reliability_bins(labels, scores, num_bins)
    ranked = RankedClips.of(labels, scores, clusters.index, clusters.num)
    bins = bin_of(ranked.scores, num_bins)
    parts = []
    for counts in ClassesOfClusters(labels, clusters).draw(num_resamples, seed, num_bins):
        drawn = WeightedClips(ranked, counts)
        clips = drawn.sums_by("clips of bins", lambda: (bins, np.ones(bins.size), num_bins))
        fakes = drawn.sums_by(
            "fakes of bins", lambda: (bins, ranked.is_fake.astype(np.float64), num_bins)
        )
        parts.append(np.divide(fakes, clips, out=np.full(clips.shape, np.nan), where=clips > 0))
    shares = np.concatenate(parts)
    tail = (1 - confidence) / 2
    intervals = []
    for place, share in zip(np.unique(bins), found.fake_shares, strict=True):
        low, high = percentile_interval(shares[:, place], confidence)
        if low == high:
            num = np.unique(ranked.cluster[bins == place]).size
            low = beta.ppf(tail, num * share, num * (1 - share) + 1) if share > 0 else 0.0
            high = beta.ppf(1 - tail, num * share + 1, num * (1 - share)) if share < 1 else 1.0
        intervals.append((low, high))
    return np.array(intervals, dtype=np.float64).reshape(-1, 2)


def reliability_curve(
    labels: Any, scores: Any, bandwidth: float = 0.05, num_points: int = 101
) -> ReliabilityCurve:
    """Return the share of fakes as a smooth function of the score.

    A kernel regression of the label on the score, with a Gaussian kernel that is reflected at 0
    and 1 (as in smooth ECE, Blasiok and Nakkiran, 2023), so that no bins have to be chosen.

    Args:
        labels: 1 fake, 0 real, shape (N,).
        scores: P(fake) in [0, 1], shape (N,).
        bandwidth: Standard deviation of the kernel, at least 0.01.
        num_points: Number of points P.

    Raises:
        ValueError: If labels or scores are not of that kind, or a setting is out of its range.
    """
    if not 0.01 <= bandwidth <= 1:
        raise ArgumentError(f"Expected `bandwidth` in [0.01, 1], got {bandwidth}.")
    if num_points < 2:
        raise ArgumentError(f"Expected `num_points` > 1, got {num_points}.")
    labels, scores = labels_and_scores(labels, scores)
    masses = [_on_grid(scores, weights) for weights in (np.ones(scores.size), labels == FAKE)]
    points, grid = np.linspace(0, 1, num_points), np.linspace(0, 1, _NUM_POINTS)
    # Reflections beyond the next one are below exp(-1 / (2 * bandwidth ** 2)).
    kernel = np.zeros((num_points, _NUM_POINTS))
    for image in (grid, -grid, 2 - grid, grid - 2, grid + 2):
        kernel += np.exp(-(((points[:, None] - image) / bandwidth) ** 2) / 2)
    clips, fakes = (kernel @ mass for mass in masses)
    height = bandwidth * np.sqrt(2 * np.pi) * max(scores.size, 1)
    has_clips = clips > 1e-9
    shares = np.divide(fakes, clips, out=np.full(num_points, np.nan), where=has_clips)
    return ReliabilityCurve(points, shares, clips / height)


def _on_grid(scores: Floats, weights: Floats) -> Floats:
    """Return the weights gathered on the grid, each shared by the two points beside its score."""
    places = checked_probabilities(scores) * (_NUM_POINTS - 1)
    left = np.minimum(places.astype(np.int64), _NUM_POINTS - 2)
    right_share = places - left
    masses = np.zeros(_NUM_POINTS)
    for points, shares in ((left, 1 - right_share), (left + 1, right_share)):
        masses += np.bincount(points, weights * shares, _NUM_POINTS)
    return masses
