"""All figures of a test, from the scores of its videos."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from macbdf_mm.evaluation.functional.detection import Labels, Scores, best_threshold
from macbdf_mm.evaluation.metric_table import METRIC_TABLE, Breakdown, Metric
from macbdf_mm.evaluation.video_scores import StepScores, VideoScores
from macbdf_mm.structures.labels import FAKE, REAL, STEP_TRACKS, TRACKS


def labelled_scores(videos: Sequence[VideoScores], track: str) -> tuple[Labels, Scores]:
    """Return labels and scores of the videos whose track has both, each of shape (N,)."""
    pairs = [
        (video.labels[track], video.scores[track])
        for video in videos
        if video.labels[track] in (FAKE, REAL) and not math.isnan(video.scores[track])
    ]
    labels, scores = zip(*pairs, strict=True) if pairs else ((), ())
    return np.array(labels, dtype=np.int64), np.array(scores, dtype=np.float64)


def best_thresholds(videos: Sequence[VideoScores]) -> dict[str, float]:
    """Return the threshold of the highest balanced accuracy by track, NaN where undefined."""
    return {track: best_threshold(*labelled_scores(videos, track)) for track in TRACKS}


def measure_track(
    videos: Sequence[VideoScores], track: str, threshold: float, num_resamples: int = 1000
) -> dict[str, float]:
    """Return every figure of the table of metrics for one score over all videos, by name.

    Args:
        videos: The scored videos.
        track: ``'overall'``, ``'video'`` or ``'audio'``.
        threshold: A score of at least this is called fake.
        num_resamples: Of the bootstrap intervals.

    Returns:
        For instance ``auc`` with its interval ``auc_low`` and ``auc_high``, ``acc``,
        ``threshold``; NaN where a figure is not defined.
    """
    labels, scores = labelled_scores(videos, track)
    figures: dict[str, float] = {}
    for metric in METRIC_TABLE.values():
        figures |= metric.figures(labels, scores, threshold, num_resamples)
    return figures


def measure_by_category(videos: Sequence[VideoScores], threshold: float) -> dict[str, float]:
    """Return the overall score's figures by category, keys like ``acc_by_category/<category>``.

    Metrics that need both classes are taken of the fakes against all real clips.
    """
    figures: dict[str, float] = {}
    for category in sorted({video.category for video in videos if video.category}):
        members = [video for video in videos if video.category == category]
        is_fake = FAKE in labelled_scores(members, "overall")[0]
        for metric in metrics_by("category"):
            if is_fake or not metric.needs_both_classes:
                key = f"{metric.name}_by_category/{category}"
                figures[key] = _measure_group(metric, videos, members, "overall", threshold)
    return figures


def measure_by_method(
    videos: Sequence[VideoScores], track: str, threshold: float
) -> dict[str, float]:
    """Return figures of the fakes of each method, keys like ``auc_by_video_method/<method>``.

    For ``'overall'`` the clip's method counts, for a track that track's own. Metrics that need
    both classes are taken against all real tracks.
    """
    figures: dict[str, float] = {}
    suffix = "by_method" if track == "overall" else f"by_{track}_method"
    fakes = [video for video in videos if video.labels[track] == FAKE and video.method_of(track)]
    for method in sorted({str(video.method_of(track)) for video in fakes}):
        members = [video for video in fakes if video.method_of(track) == method]
        for metric in metrics_by("method"):
            key = f"{metric.name}_{suffix}/{method}"
            figures[key] = _measure_group(metric, videos, members, track, threshold)
    return figures


def measure_steps(videos: Sequence[VideoScores], track: str, threshold: float) -> dict[str, float]:
    """Return the frame-level figures of one track; nothing if no video has step scores.

    The steps of all videos are measured together: ``frame_auc`` over all of them, and
    ``frame_auc_partial`` over the videos of which the track is fake in part only, where the
    clip's label does not help. ``num_partial`` counts those. NaN where a class is missing.

    Args:
        videos: The scored videos.
        track: ``'video'`` or ``'audio'``.
        threshold: Of the track's clip score.
    """
    steps = [video.steps_of(track) for video in videos]
    if not any(len(part.labels) for part in steps):
        return {}
    partial = [part for part in steps if {FAKE, REAL} <= set(part.labels.tolist())]
    figures: dict[str, float] = {}
    for metric in metrics_by("step"):
        name = f"{track}/frame_{metric.name}"
        figures[name] = _measure_steps(metric, steps, threshold)
        figures[f"{name}_partial"] = _measure_steps(metric, partial, threshold)
    return figures | {f"{track}/num_partial": len(partial)}


def measure_videos(
    videos: Sequence[VideoScores], thresholds: Mapping[str, float], num_resamples: int = 1000
) -> dict[str, float]:
    """Return all figures of a test as one flat dict, keys like ``overall/auc``."""
    figures: dict[str, float] = {}
    for track in TRACKS:
        measured = measure_track(videos, track, thresholds[track], num_resamples)
        figures |= {f"{track}/{name}": value for name, value in measured.items()}
    figures |= measure_by_category(videos, thresholds["overall"])
    for track in TRACKS:
        figures |= measure_by_method(videos, track, thresholds[track])
    for track in STEP_TRACKS:
        figures |= measure_steps(videos, track, thresholds[track])
    return figures


def metrics_by(breakdown: Breakdown) -> list[Metric]:
    """Return the metrics of the table that are measured by category, method or time step."""
    return [metric for metric in METRIC_TABLE.values() if breakdown in metric.breakdowns]


def _measure_group(
    metric: Metric,
    videos: Sequence[VideoScores],
    members: Sequence[VideoScores],
    track: str,
    threshold: float,
) -> float:
    reals = [video for video in videos if video.labels[track] == REAL]
    group = [*reals, *members] if metric.needs_both_classes else members
    return metric.value(*labelled_scores(group, track), threshold)


def _measure_steps(metric: Metric, parts: Sequence[StepScores], threshold: float) -> float:
    if not parts:
        return math.nan
    labels = np.concatenate([part.labels for part in parts])
    scores = np.concatenate([part.scores for part in parts])
    return metric.value(labels, scores, threshold)
