"""All figures of a test, from the scores of its videos."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from macbdf_mm.evaluation.functional.cluster_bootstrap import Estimate, cluster_bootstrap
from macbdf_mm.evaluation.functional.clusters import Clusters
from macbdf_mm.evaluation.functional.detection import (
    Labels,
    Scores,
    best_threshold,
    has_both_classes,
)
from macbdf_mm.evaluation.metric_table import METRIC_TABLE, Breakdown, Metric
from macbdf_mm.evaluation.scored_clips import ScoredClips
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.structures.labels import FAKE, REAL, STEP_TRACKS, TRACKS, UNKNOWN

Videos = Sequence[VideoScores] | ScoredClips
Mask = npt.NDArray[np.bool_]

_OF_FAKES = ("method", "video_method", "audio_method")
AGAINST_REAL = ("category", *_OF_FAKES)
"""Columns that describe forgeries: their groups are measured against the real clips of all."""


def labelled_scores(videos: Videos, track: str) -> tuple[Labels, Scores]:
    """Return labels and scores of the videos whose track has both, each of shape (N,)."""
    clips = ScoredClips.of(videos)
    is_usable = clips.is_usable(track)
    return clips.labels[track][is_usable], clips.scores[track][is_usable]


def best_thresholds(videos: Videos) -> dict[str, float]:
    """Return the threshold of the highest balanced accuracy by track, NaN where undefined."""
    clips = ScoredClips.of(videos)
    return {track: best_threshold(*labelled_scores(clips, track)) for track in TRACKS}


def measure_track(
    videos: Videos, track: str, threshold: float, num_resamples: int = 1000
) -> dict[str, float]:
    """Return every figure of the table of metrics for one score over all videos, by name.

    Args:
        videos: The videos; those without a score or a label of the track are left out.
        track: ``'overall'``, ``'video'`` or ``'audio'``.
        threshold: A score of at least this is called fake.
        num_resamples: Of the intervals, which resample persons, else recordings, else clips; 0
            leaves the intervals out.

    Returns:
        For instance ``auc`` with its interval ``auc_low`` and ``auc_high``, ``acc``,
        ``threshold``; NaN where a figure is not defined.
    """
    clips = ScoredClips.of(videos)
    metrics = METRIC_TABLE.values()
    return _measure(clips, clips.is_usable(track), track, metrics, threshold, num_resamples)


def measure_groups(
    videos: Videos,
    column: str,
    track: str,
    threshold: float,
    num_resamples: int = 1000,
    breakdown: Breakdown = "category",
) -> dict[str, dict[str, float]]:
    """Return the figures of the clips of each value of a column of the annotation.

    Groups of a column of :data:`AGAINST_REAL` hold fakes of one kind; metrics that need both
    classes take the real clips of all beside them. Others are measured on their own.

    Args:
        videos: The videos.
        column: For instance ``'method'`` or ``'identity'``.
        track: Whose scores and labels count.
        threshold: A score of at least this is called fake.
        num_resamples: Of the intervals; 0 leaves them out.
        breakdown: Which metrics are taken: those of the table that name it.

    Returns:
        By value, sorted: its metrics with their intervals, ``num_clips`` with a label and
        ``num_scored`` of these with a score, ``called_fake``, the share of the latter that reach
        the threshold.
    """
    clips = ScoredClips.of(videos)
    values, labels = clips.column(column), clips.labels[track]
    is_usable = clips.is_usable(track)
    reals = (labels == REAL) & is_usable
    found = {}
    for value in sorted({value for value in values if value is not None}):
        members = (values == value) & (labels >= 0)
        if column in _OF_FAKES:  # A track may be real although its clip has a method.
            members &= labels == FAKE
        if not members.any():
            continue
        scored = members & is_usable
        figures: dict[str, float] = {
            "num_clips": int(members.sum()),
            "num_scored": int(scored.sum()),
            "called_fake": _mean(clips.scores[track][scored] >= threshold),
        }
        is_of_reals = column in AGAINST_REAL and not (labels[members] == FAKE).any()
        for metric in metrics_by(breakdown):
            if metric.needs_both_classes and is_of_reals:
                continue
            with_reals = metric.needs_both_classes and column in AGAINST_REAL
            group = scored | reals if with_reals else scored
            figures |= _measure(clips, group, track, [metric], threshold, num_resamples)
        found[value] = figures
    return found


def measure_steps(
    videos: Videos, track: str, threshold: float, num_resamples: int = 0
) -> dict[str, float]:
    """Return the frame-level figures of one track; nothing if no video has step scores.

    The steps of all videos are measured together: ``frame_auc`` over all of them, and
    ``frame_auc_partial`` over the videos of which the track is fake in part only, where the
    clip's label does not help. ``num_partial`` counts those. NaN where a class is missing.

    Args:
        videos: The scored videos.
        track: ``'video'`` or ``'audio'``.
        threshold: Of the track's clip score.
        num_resamples: Of the intervals, ``frame_auc_low`` and so on; 0 leaves them out.
    """
    clips = ScoredClips.of(videos)
    owner, labels, scores = _known_steps(clips.videos, track)
    if not labels.size:
        return {}
    num = len(clips.videos)
    num_fake = np.bincount(owner[labels == FAKE], minlength=num)
    is_partial = (num_fake > 0) & (np.bincount(owner, minlength=num) > num_fake)
    figures: dict[str, float] = {}
    of_partial = np.flatnonzero(is_partial[owner])
    for suffix, chosen in (("", slice(None)), ("_partial", of_partial)):
        clusters = None
        if num_resamples:
            clusters = clips.clusters.subset(owner[chosen])
        found = _figures(
            labels[chosen], scores[chosen], clusters, metrics_by("step"), threshold, num_resamples
        )
        for name, value in found.items():
            stem, _, end = name.rpartition("_")
            name = f"{stem}{suffix}_{end}" if end in ("low", "high") else f"{name}{suffix}"
            figures[f"{track}/frame_{name}"] = value
    return figures | {f"{track}/num_partial": int(is_partial.sum())}


def measure_videos(
    videos: Videos, thresholds: Mapping[str, float], num_resamples: int = 1000
) -> dict[str, float]:
    """Return the figures of a test as one flat dict, keys like ``overall/auc``.

    Figures of categories and methods, such as ``acc_by_category/FVRA`` and
    ``auc_by_video_method/<method>``, come without intervals.
    """
    clips = ScoredClips.of(videos)
    figures: dict[str, float] = {}
    for track in TRACKS:
        measured = measure_track(clips, track, thresholds[track], num_resamples)
        figures |= {f"{track}/{name}": value for name, value in measured.items()}
    for column, track, breakdown in BREAKDOWNS:
        metrics = metrics_by(breakdown)
        groups = measure_groups(clips, column, track, thresholds[track], 0, breakdown)
        for metric in metrics:
            for value, found in groups.items():
                if metric.name in found:
                    figures[f"{metric.name}_by_{column}/{value}"] = found[metric.name]
    for track in STEP_TRACKS:
        figures |= measure_steps(clips, track, thresholds[track])
    return figures


BREAKDOWNS: tuple[tuple[str, str, Breakdown], ...] = (
    ("category", "overall", "category"),
    ("method", "overall", "method"),
    ("video_method", "video", "method"),
    ("audio_method", "audio", "method"),
)
"""Column, the track whose score is taken, and which metrics."""


def always_fake(videos: Videos, track: str = "overall") -> dict[str, float]:
    """Return what a detector would reach that calls everything fake, without intervals.

    Args:
        videos: The videos; it is measured on those that have a score.
        track: Whose labels count.
    """
    labels, scores = labelled_scores(videos, track)
    return _figures(labels, np.ones_like(scores), None, METRIC_TABLE.values(), 0.5, 0)


def metrics_by(breakdown: Breakdown) -> list[Metric]:
    """Return the metrics of the table that are measured by category, method or time step."""
    return [metric for metric in METRIC_TABLE.values() if breakdown in metric.breakdowns]


def _known_steps(
    videos: Sequence[VideoScores], track: str
) -> tuple[npt.NDArray[np.int64], Labels, Scores]:
    """Return the video, the label and the score of all steps that have both, each (S,)."""
    windows = [
        (place, window.steps[track])
        for place, video in enumerate(videos)
        for window in video.windows
        if track in window.steps
    ]
    if not windows:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    lengths = [steps.labels.size for _, steps in windows]
    owner = np.repeat([place for place, _ in windows], lengths)
    labels = np.concatenate([steps.labels for _, steps in windows])
    scores = np.concatenate([steps.scores for _, steps in windows])
    is_known = (labels != UNKNOWN) & ~np.isnan(scores)
    if is_known.all():
        return owner, labels, scores
    return owner[is_known], labels[is_known], scores[is_known]


def _measure(
    clips: ScoredClips,
    chosen: Mask,
    track: str,
    metrics: Iterable[Metric],
    threshold: float,
    num_resamples: int,
) -> dict[str, float]:
    labels, scores = clips.labels[track][chosen], clips.scores[track][chosen]
    clusters = clips.clusters.subset(chosen) if num_resamples else None
    return _figures(labels, scores, clusters, metrics, threshold, num_resamples)


def _figures(
    labels: Labels,
    scores: Scores,
    clusters: Clusters | None,
    metrics: Iterable[Metric],
    threshold: float,
    num_resamples: int,
) -> dict[str, float]:
    """Return values and, with ``clusters``, the intervals of those metrics that have one."""
    metrics = list(metrics)
    found: dict[str, Estimate] = {}
    if clusters is not None:
        found = _estimates(labels, scores, clusters, metrics, threshold, num_resamples)
    figures: dict[str, float] = {}
    for metric in metrics:
        estimate = found.get(metric.name)
        if estimate is not None and metric.weighted is not None:
            figures[metric.name] = estimate.value  # which is the same, and sorted already
        else:
            figures[metric.name] = metric.value(labels, scores, threshold)
        if metric.has_interval and clusters is not None:
            ends = (math.nan, math.nan) if estimate is None else (estimate.low, estimate.high)
            figures |= dict(zip(metric.names[1:], ends, strict=True))
    return figures


def _estimates(
    labels: Labels,
    scores: Scores,
    clusters: Clusters,
    metrics: Sequence[Metric],
    threshold: float,
    num_resamples: int,
) -> dict[str, Estimate]:
    has_both = has_both_classes(labels)
    measures = {
        metric.name: metric.measure(threshold)
        for metric in metrics
        if metric.has_interval and labels.size and (has_both or not metric.needs_both_classes)
    }
    if not measures:
        return {}
    return cluster_bootstrap(
        labels, scores, clusters, measures, num_resamples=num_resamples
    ).estimates


def _mean(values: Mask) -> float:
    return float(values.mean()) if values.size else math.nan
