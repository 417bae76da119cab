"""The tables of a test, computed from its scores: for pages, and as printed text."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from macbdf_mm.evaluation.measures import (
    labelled_scores,
    measure_by_category,
    measure_track,
    metrics_by,
)
from macbdf_mm.evaluation.metric_table import METRIC_TABLE, UNDEFINED, Metric
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.reports.figures.bars import OperatorScore
from macbdf_mm.structures.labels import CATEGORIES, FAKE, REAL, STEP_TRACKS, TRACKS

_BREAKDOWNS = {
    "by_category": "By category (overall score)",
    "by_method": "By method of the clip (overall score)",
    "by_video_method": "By video operator (video score)",
    "by_audio_method": "By audio operator (audio score)",
}


@dataclass(frozen=True)
class Table:
    """Headers and rows of as many plain-text cells; the first column names the rows."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]

    def to_text(self) -> str:
        """Return lines of aligned columns."""
        lines = [self.headers, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if place else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )


def format_figures(figures: Mapping[str, float]) -> str:
    """Return the figures of :func:`~macbdf_mm.evaluation.measures.measure_videos` as text.

    One row per track; the frame-level figures where there are any; then categories and methods.
    """
    by_track = {
        track: {
            name: figures[f"{track}/{name}"]
            for metric in METRIC_TABLE.values()
            for name in metric.names
        }
        for track in TRACKS
    }
    parts = [track_table(by_track).to_text()]
    if steps := step_table(figures):
        parts.append(f"Frame level\n{steps.to_text()}")
    for suffix, title in _BREAKDOWNS.items():
        if table := _breakdown_table(figures, suffix):
            parts.append(f"{title}\n{table.to_text()}")
    if "coverage" in figures:
        parts.append(
            f"{int(figures['num_videos'])} clips scored, {figures['coverage']:.1%} of all; "
            + (
                "thresholds from validation data."
                if figures["is_threshold_fitted"]
                else "thresholds are 0.5: the checkpoint carries none from validation data."
            )
        )
    return "\n\n".join(parts)


def track_table(figures: Mapping[str, Mapping[str, float]]) -> Table:
    """Return a row per track with every shown metric, and the interval of those that have one.

    Args:
        figures: Under each track what
            :func:`~macbdf_mm.evaluation.measures.measure_track` returns.
    """
    shown = [metric for metric in METRIC_TABLE.values() if metric.is_shown]
    headers = [header for metric in shown for header in _headers(metric)]
    return Table(
        ("", *headers),
        [
            (track, *(cell for metric in shown for cell in _cells(metric, values)))
            for track, values in figures.items()
        ],
    )


def step_table(figures: Mapping[str, float | None]) -> Table | None:
    """Return a row per track with its frame-level figures, None if the model had no such head.

    Args:
        figures: What :func:`~macbdf_mm.evaluation.measures.measure_videos` returns.
    """
    metrics = metrics_by("step")
    headers = [""]
    for metric in metrics:
        headers += [f"{metric.label} of all time steps"]
        headers += [f"{metric.label} within partially fake clips"]
    rows = []
    for track in STEP_TRACKS:
        if f"{track}/num_partial" in figures:
            cells = [
                metric.format(figures.get(f"{track}/frame_{metric.name}{part}"))
                for metric in metrics
                for part in ("", "_partial")
            ]
            rows.append((track, *cells, str(int(figures[f"{track}/num_partial"] or 0))))
    return Table((*headers, "such clips"), rows) if rows else None


def category_table(videos: Sequence[VideoScores], threshold: float) -> Table:
    """Return a row a category, by the overall score."""
    metrics = metrics_by("category")
    figures = measure_by_category(videos, threshold)
    rows = []
    for (video_label, audio_label), category in CATEGORIES.items():
        members = [video for video in videos if video.category == category and video.is_scored]
        if not members:
            continue
        called = np.mean([video.scores["overall"] >= threshold for video in members])
        words = f"{category} ({_word(video_label)} video, {_word(audio_label)} audio)"
        cells = [m.format(figures.get(f"{m.name}_by_category/{category}")) for m in metrics]
        rows.append((words, str(len(members)), f"{called:.0%}", *cells))
    return Table(("category", "clips", "called fake", *map(_against_real, metrics)), rows)


def operator_scores(
    videos: Sequence[VideoScores],
    thresholds: Mapping[str, float],
    trained_methods: Mapping[str, Collection[str]],
) -> list[OperatorScore]:
    """Return how each operator's fakes are told from real tracks, by that track's score.

    Args:
        videos: The scored videos.
        thresholds: Decision threshold of each track.
        trained_methods: Under ``video`` and ``audio`` the operators of the training split.
    """
    found = []
    for track in STEP_TRACKS:
        reals = [video for video in videos if video.labels[track] == REAL]
        fakes = [video for video in videos if video.labels[track] == FAKE]
        for method in sorted({name for video in fakes if (name := video.method_of(track))}):
            members = [video for video in fakes if video.method_of(track) == method]
            threshold = thresholds[track]
            _, scores = labelled_scores(members, track)
            found.append(
                OperatorScore(
                    operator=method,
                    track=track,
                    num_clips=len(members),
                    figures=measure_track([*reals, *members], track, threshold),
                    found_share=float(np.mean(scores >= threshold)) if scores.size else math.nan,
                    is_held_out=method not in trained_methods[track],
                )
            )
    return found


def operator_table(scores: Sequence[OperatorScore]) -> Table:
    """Return a row a forgery operator."""
    metrics = metrics_by("method")
    headers = [header for metric in metrics for header in _headers(metric)]
    return Table(
        ("operator", "track", "clips", *headers, "found", "in training"),
        [
            (
                score.operator,
                score.track,
                str(score.num_clips),
                *(cell for metric in metrics for cell in _cells(metric, score.figures)),
                UNDEFINED if math.isnan(score.found_share) else f"{score.found_share:.0%}",
                "no, held out" if score.is_held_out else "yes",
            )
            for score in scores
        ],
    )


def coverage_table(videos: Sequence[VideoScores], num_annotated: int) -> Table:
    """Return a row per track with how many of the annotated videos have a score."""
    rows = []
    for track in TRACKS:
        scored = sum(not math.isnan(video.scores[track]) for video in videos)
        rows.append((track, str(scored), str(num_annotated)))
    return Table(("", "scored", "of annotated"), rows)


def format_interval(metric: Metric, figures: Mapping[str, float]) -> str:
    """Return the interval of a metric that has one, a dash where it is not defined."""
    low, high = (metric.format(figures[name]) for name in metric.names[1:])
    return UNDEFINED if UNDEFINED in (low, high) else f"{low} to {high}"


def _headers(metric: Metric) -> list[str]:
    return [metric.label, "95 % interval"] if metric.has_interval else [metric.label]


def _cells(metric: Metric, figures: Mapping[str, float]) -> list[str]:
    value = metric.format(figures[metric.name])
    return [value, format_interval(metric, figures)] if metric.has_interval else [value]


def _breakdown_table(figures: Mapping[str, float], suffix: str) -> Table | None:
    metrics = metrics_by("category" if suffix == "by_category" else "method")
    groups = {
        key.partition("/")[2]
        for key in figures
        if key.startswith(tuple(f"{metric.name}_{suffix}/" for metric in metrics))
    }
    rows = [
        (
            group,
            *(metric.format(figures.get(f"{metric.name}_{suffix}/{group}")) for metric in metrics),
        )
        for group in sorted(groups)
    ]
    return Table(("", *map(_against_real, metrics)), rows) if rows else None


def _against_real(metric: Metric) -> str:
    return f"{metric.label} against real clips" if metric.needs_both_classes else metric.label


def _word(label: int) -> str:
    return "fake" if label == FAKE else "real"
