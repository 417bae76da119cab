"""The tables of a test, computed from its scores: for pages, and as printed text."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from macbdf_mm.evaluation.functional.localisation.matching import Convention
from macbdf_mm.evaluation.functional.weighted_clips import Labels, Scores
from macbdf_mm.evaluation.localisation import MEASURED, LocalisedTrack
from macbdf_mm.evaluation.measures import AGAINST_REAL, measure_groups, metrics_by
from macbdf_mm.evaluation.metric_table import METRIC_TABLE, UNDEFINED, Breakdown, Metric
from macbdf_mm.evaluation.score_calibration import ScoreCalibration
from macbdf_mm.evaluation.scored_clips import ScoredClips
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.reports.figures.bars import OperatorScore
from macbdf_mm.structures.labels import CATEGORIES, FAKE, STEP_TRACKS

VERDICTS = ("real", "uncertain", "fake")
ALWAYS_FAKE = '"always fake", overall'
"""Heading of the figures of a detector that calls everything fake."""


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


def track_table(
    figures: Mapping[str, Mapping[str, float]],
    coverage: Mapping[str, tuple[int, int]] | None = None,
) -> Table:
    """Return a row per shown metric and a column per track; intervals stand behind the values.

    Args:
        figures: By the heading of a column, such as a track, what
            :func:`~macbdf_mm.evaluation.measures.measure_track` or ``always_fake`` returns.
        coverage: By the same headings how many of the clips with a label have a score, and how
            many there are.
    """
    rows = [
        (metric.label, *(_cell(metric, values) for values in figures.values()))
        for metric in METRIC_TABLE.values()
        if metric.is_shown
    ]
    if coverage is not None:
        cells = [_share(coverage[name]) if name in coverage else "" for name in figures]
        rows.append(("scored of labelled", *cells))
    return Table(("", *figures), rows)


def step_table(figures: Mapping[str, float | None]) -> Table | None:
    """Return a row per track with its frame-level figures, None if the model had no such head.

    Args:
        figures: What :func:`~macbdf_mm.evaluation.measures.measure_steps` returns, of all tracks.
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
                _cell(metric, figures, f"{track}/frame_{metric.name}{part}")
                for metric in metrics
                for part in ("", "_partial")
            ]
            rows.append((track, *cells, str(int(figures[f"{track}/num_partial"] or 0))))
    return Table((*headers, "such clips"), rows) if rows else None


def localisation_table(found: Mapping[str, LocalisedTrack], convention: Convention) -> Table:
    """Return a row per figure of localisation and a column per track.

    AP stands beside what the length of the time steps allows at best.

    Args:
        found: What :func:`~macbdf_mm.evaluation.localisation.measure_localisation` returns.
        convention: The rule by which AP and AR are computed; the table names it.
    """
    tracks = list(found.values())
    rows: list[tuple[str, ...]] = []
    for iou in MEASURED.ap_ious:
        key = f"ap@{iou:g}"
        rows.append((f"AP@{iou:g}", *(_ranged(t.figures[convention], key) for t in tracks)))
    for number in MEASURED.ar_counts:
        key = f"ar@{number}"
        rows.append((f"AR@{number}", *(_ranged(t.figures[convention], key) for t in tracks)))
    for iou in MEASURED.ap_ious:
        cells = [_number(t.best[convention][f"ap@{iou:g}"]) for t in tracks]
        rows.append((f"AP@{iou:g} if all steps were right", *cells))
    rows += [
        ("length of the steps (s)", *(f"{t.step_seconds:g}" for t in tracks)),
        ("forgeries", *(str(t.num_forgeries) for t in tracks)),
        ("of the whole clip", *(str(t.num_whole) for t in tracks)),
        ("scored of annotated", *(_share((t.num_videos, t.num_labelled)) for t in tracks)),
    ]
    return Table((f"convention: {convention}", *found), rows)


def localisation_title(convention: Convention) -> str:
    """Return the title of that table."""
    where = "Localisation in time, convention"
    return f"{where} {convention}" + (
        " (as published tables)" if convention == "avdeepfake1m" else ""
    )


def verdict_table(
    labels: Labels, scores: Scores, calibration: ScoreCalibration, threshold: float
) -> Table:
    """Return a row for all, real and fake clips: how they are called, and how often wrongly.

    Args:
        labels: Of N > 0 clips, 1 fake, 0 real, shape (N,).
        scores: Their calibrated overall scores, (N,).
        calibration: With the uncertain band.
        threshold: Of the overall score.
    """
    called = np.array([calibration.verdict(score, threshold) for score in scores])
    is_wrong = np.where(labels == FAKE, called == "real", called == "fake")
    is_decided = called != "uncertain"
    rows = []
    for name, chosen in (("all", labels >= 0), ("real", labels != FAKE), ("fake", labels == FAKE)):
        if chosen.any():
            decided = chosen & is_decided
            rows.append(
                (
                    name,
                    str(int(chosen.sum())),
                    *(_percent((called[chosen] == word).mean()) for word in VERDICTS),
                    _percent(is_wrong[decided].mean() if decided.any() else math.nan),
                )
            )
    heads = ("called real", "uncertain", "called fake", "wrong of those not uncertain")
    return Table(("clips", "number", *heads), rows)


def group_table(
    groups: Mapping[str, Mapping[str, float]], column: str, breakdown: Breakdown = "category"
) -> Table:
    """Return a row for each value of a column of the annotation.

    Args:
        groups: What :func:`~macbdf_mm.evaluation.measures.measure_groups` returns.
        column: Its name.
        breakdown: Which metrics were taken.
    """
    metrics = metrics_by(breakdown)
    is_against_real = column in AGAINST_REAL
    heads = [_against_real(metric) if is_against_real else metric.label for metric in metrics]
    rows = []
    for value, figures in groups.items():
        rows.append(
            (
                _GROUP_WORDS.get(value, value) if column == "category" else value,
                _share((int(figures["num_scored"]), int(figures["num_clips"]))),
                _percent(figures["called_fake"]),
                *(_cell(metric, figures) for metric in metrics),
            )
        )
    return Table((column.replace("_", " "), "scored", "called fake", *heads), rows)


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
    clips = ScoredClips.of(videos)
    return [
        OperatorScore(
            operator=method,
            track=track,
            num_clips=int(figures["num_clips"]),
            figures=figures,
            found_share=figures["called_fake"],
            is_held_out=method not in trained_methods[track],
        )
        for track in STEP_TRACKS
        for method, figures in measure_groups(
            clips, f"{track}_method", track, thresholds[track], breakdown="method"
        ).items()
    ]


def operator_table(scores: Sequence[OperatorScore]) -> Table:
    """Return a row a forgery operator."""
    metrics = metrics_by("method")
    heads = [metric.label for metric in metrics]
    return Table(
        ("operator", "track", "clips", *heads, "found", "in training"),
        [
            (
                score.operator,
                score.track,
                str(score.num_clips),
                *(_cell(metric, score.figures) for metric in metrics),
                _percent(score.found_share),
                "no, held out" if score.is_held_out else "yes",
            )
            for score in scores
        ],
    )


def format_interval(metric: Metric, figures: Mapping[str, float]) -> str:
    """Return the interval of a metric that has one, a dash where it is not defined."""
    low, high = (metric.format(figures[name]) for name in metric.names[1:])
    return UNDEFINED if UNDEFINED in (low, high) else f"{low} to {high}"


def _cell(metric: Metric, figures: Mapping[str, float | None], key: str = "") -> str:
    """Return a value with its interval, where there is one, in parentheses."""
    key = key or metric.name
    value = metric.format(figures.get(key))
    ends = [metric.format(figures.get(f"{key}_{end}")) for end in ("low", "high")]
    return value if UNDEFINED in (value, *ends) else f"{value} ({ends[0]} to {ends[1]})"


def _ranged(figures: Mapping[str, float], key: str) -> str:
    """Return a figure with the ends of its interval, where it has one, in parentheses."""
    value = _number(figures[key])
    ends = [_number(figures.get(f"{key}_{end}", math.nan)) for end in ("low", "high")]
    return value if UNDEFINED in (value, *ends) else f"{value} ({ends[0]} to {ends[1]})"


def _number(value: float) -> str:
    return UNDEFINED if math.isnan(value) else f"{value:.3f}"


def _against_real(metric: Metric) -> str:
    return f"{metric.label} against real clips" if metric.needs_both_classes else metric.label


def _share(counts: tuple[int, int]) -> str:
    return f"{counts[0]} of {counts[1]}"


def _percent(share: float) -> str:
    return UNDEFINED if math.isnan(share) else f"{share:.0%}"


def _word(label: int) -> str:
    return "fake" if label == FAKE else "real"


_GROUP_WORDS: dict[str, str] = {
    category: f"{category} ({_word(video)} video, {_word(audio)} audio)"
    for (video, audio), category in CATEGORIES.items()
}
