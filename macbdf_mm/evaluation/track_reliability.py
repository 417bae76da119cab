"""How far the scores of a test are probabilities, before and after their calibration."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from macbdf_mm.evaluation.functional.chance_calibration import ece_by_chance
from macbdf_mm.evaluation.functional.detection import ece
from macbdf_mm.evaluation.functional.reliability import (
    ReliabilityBins,
    reliability_bins,
    reliability_intervals,
)
from macbdf_mm.evaluation.functional.weighted_clips import Floats
from macbdf_mm.evaluation.scored_clips import ScoredClips
from macbdf_mm.evaluation.video_scores import VideoScores, none_if_nan
from macbdf_mm.structures.labels import TRACKS


@dataclass(frozen=True, eq=False)
class TrackReliability:
    """The reliability plot of one score.

    Attributes:
        bins: Of the scores as they are used.
        intervals: (B, 2) ends of the interval of the share of fakes of each bin, over clusters of
            clips; NaN if none was asked for.
        error: Calibration error of these scores.
        chance_error: What it would be on average if they were exactly right.
        raw_bins: Of the scores before calibration; None if nothing was changed.
        raw_error: Calibration error of those; None likewise.
    """

    bins: ReliabilityBins
    intervals: Floats
    error: float
    chance_error: float
    raw_bins: ReliabilityBins | None = None
    raw_error: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values; no interval is null."""
        rows = [
            {**row, "low": none_if_nan(float(low)), "high": none_if_nan(float(high))}
            for row, (low, high) in zip(_plain(self.bins), self.intervals, strict=True)
        ]
        return {
            "error": self.error,
            "error_by_chance": self.chance_error,
            "error_before": self.raw_error,
            "bins": rows,
            "bins_before": None if self.raw_bins is None else _plain(self.raw_bins),
        }


def measure_reliability(
    videos: Sequence[VideoScores] | ScoredClips, num_resamples: int = 1000
) -> dict[str, TrackReliability]:
    """Return the reliability plot of each score that a labelled clip has, by track.

    Args:
        videos: The videos; those without a score or a label of a track are left out of it. One
            that got a score by a policy has that score before calibration as well.
        num_resamples: Of the intervals; 0 leaves them out.
    """
    clips = ScoredClips.of(videos)
    found = {}
    for track in TRACKS:
        chosen = clips.is_usable(track)
        labels, scores = clips.labels[track][chosen], clips.scores[track][chosen]
        if not labels.size:
            continue
        bins = reliability_bins(labels, scores)
        intervals = np.full((bins.num_clips.size, 2), np.nan)
        if num_resamples:
            clusters = clips.clusters.subset(chosen)
            intervals = reliability_intervals(labels, scores, clusters, num_resamples=num_resamples)
        raw = np.array([video.uncalibrated[track] for video in clips.videos])[chosen]
        raw = np.where(np.isnan(raw), scores, raw)
        raw_bins, raw_error = None, None
        if (raw != scores).any():
            raw_bins, raw_error = reliability_bins(labels, raw), ece(labels, raw)
        found[track] = TrackReliability(
            bins,
            intervals,
            ece(labels, scores),
            ece_by_chance(labels, scores),
            raw_bins,
            raw_error,
        )
    return found


def _plain(bins: ReliabilityBins) -> list[dict[str, float]]:
    return [
        {"mean_score": float(score), "fake_share": float(share), "num_clips": int(num)}
        for score, share, num in zip(*bins, strict=True)
    ]
