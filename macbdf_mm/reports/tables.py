"""The tables of the report, computed from the scores of the tested videos."""

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from macbdf_mm.evaluation.measures import labelled_scores, measure_by_category, measure_track
from macbdf_mm.evaluation.video_scores import STEP_TRACKS, TRACKS, VideoScores
from macbdf_mm.reports.figures.operator_bars import OperatorScore
from macbdf_mm.structures.labels import CATEGORIES, FAKE, REAL

Table = tuple[Sequence[str], Sequence[Sequence[str]]]


def track_table(figures: Mapping[str, Mapping[str, float]]) -> Table:
    """Return headers and rows of the three tracks' figures.

    Args:
        figures: Under each track what
            :func:`~macbdf_mm.evaluation.measures.measure_track` returns.
    """
    headers = (
        "",
        "AUC",
        "95 % interval",
        "EER",
        "accuracy",
        "always fake",
        "balanced acc.",
        "threshold",
        "real",
        "fake",
    )
    return headers, [
        (
            track,
            number(values["auc"]),
            interval(values["auc_low"], values["auc_high"]),
            number(values["eer"]),
            number(values["acc"]),
            number(values["always_fake_acc"]),
            number(values["balanced_acc"]),
            number(values["threshold"]),
            str(int(values["num_real"])),
            str(int(values["num_fake"])),
        )
        for track, values in figures.items()
    ]


def step_table(metrics: Mapping[str, float | None]) -> Table | None:
    """Return headers and rows of the frame-level figures, None if the model had no such head.

    Args:
        metrics: What :func:`~macbdf_mm.evaluation.measures.measure_videos` returns.
    """
    headers = ("", "AUC of all time steps", "AUC within partially fake clips", "such clips")
    rows = []
    for track in STEP_TRACKS:
        if f"{track}/num_partial" in metrics:
            values = [metrics[f"{track}/{key}"] for key in ("frame_auc", "frame_auc_partial")]
            numbers = [number(math.nan if value is None else value) for value in values]
            rows.append((track, *numbers, str(int(metrics[f"{track}/num_partial"] or 0))))
    return (headers, rows) if rows else None


def category_table(videos: Sequence[VideoScores], threshold: float) -> Table:
    """Return headers and rows of the four categories, by the overall score."""
    headers = ("category", "clips", "called fake", "decided rightly", "AUC against real clips")
    figures = measure_by_category(videos, threshold)
    rows = []
    for (video_label, audio_label), category in CATEGORIES.items():
        members = [video for video in videos if video.category == category and video.is_scored]
        if not members:
            continue
        called = np.mean([video.scores["overall"] >= threshold for video in members])
        words = f"{category} ({_word(video_label)} video, {_word(audio_label)} audio)"
        rows.append(
            (
                words,
                str(len(members)),
                f"{called:.0%}",
                f"{figures[f'acc_by_category/{category}']:.0%}",
                number(figures.get(f"auc_by_category/{category}", math.nan)),
            )
        )
    return headers, rows


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
    for track in ("video", "audio"):
        reals = [video for video in videos if video.labels[track] == REAL]
        fakes = [video for video in videos if video.labels[track] == FAKE]
        for method in sorted({name for video in fakes if (name := video.method_of(track))}):
            members = [video for video in fakes if video.method_of(track) == method]
            threshold = thresholds[track]
            figures = measure_track([*reals, *members], track, threshold)
            scores = labelled_scores(members, track).scores
            found.append(
                OperatorScore(
                    operator=method,
                    track=track,
                    num_clips=len(members),
                    auc=figures["auc"],
                    auc_low=figures["auc_low"],
                    auc_high=figures["auc_high"],
                    found_share=float(np.mean(scores >= threshold)) if scores.size else math.nan,
                    is_held_out=method not in trained_methods[track],
                )
            )
    return found


def operator_table(scores: Sequence[OperatorScore]) -> Table:
    """Return headers and rows of the forgery operators."""
    headers = ("operator", "track", "clips", "AUC", "95 % interval", "found", "in training")
    return headers, [
        (
            score.operator,
            score.track,
            str(score.num_clips),
            number(score.auc),
            interval(score.auc_low, score.auc_high),
            "-" if math.isnan(score.found_share) else f"{score.found_share:.0%}",
            "no, held out" if score.is_held_out else "yes",
        )
        for score in scores
    ]


def coverage_table(videos: Sequence[VideoScores], num_annotated: int) -> Table:
    """Return headers and rows of how many of the annotated videos have a score."""
    headers = ("", "scored", "of annotated")
    rows = []
    for track in TRACKS:
        scored = sum(not math.isnan(video.scores[track]) for video in videos)
        rows.append((track, str(scored), str(num_annotated)))
    return headers, rows


def number(value: float) -> str:
    """Return a figure with three decimals, or a dash where it is not defined."""
    return "-" if math.isnan(value) else f"{value:.3f}"


def interval(low: float, high: float) -> str:
    """Return an interval with three decimals, or a dash where it is not defined."""
    return "-" if math.isnan(low) or math.isnan(high) else f"{low:.3f} to {high:.3f}"


def _word(label: int) -> str:
    return "fake" if label == FAKE else "real"
