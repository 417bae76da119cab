"""The tables of a test, computed from its scores: for pages, and as printed text."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from macbdf_mm.evaluation.measures import AGAINST_REAL, measure_groups, metrics_by
from macbdf_mm.evaluation.metric_table import METRIC_TABLE, UNDEFINED, Breakdown, Metric
from macbdf_mm.evaluation.scored_clips import ScoredClips
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.reports.figures.bars import OperatorScore
from macbdf_mm.structures.labels import CATEGORIES, FAKE, STEP_TRACKS

# About the resolution of numbers of 64 bits beside 1.
_SMALLEST_P = 1e-16
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
        (metric.label, *(cell_text(metric, values) for values in figures.values()))
        for metric in METRIC_TABLE.values()
        if metric.is_shown
    ]
    if coverage is not None:
        cells = [share_text(coverage[name]) if name in coverage else "" for name in figures]
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
                cell_text(metric, figures, f"{track}/frame_{metric.name}{part}")
                for metric in metrics
                for part in ("", "_partial")
            ]
            rows.append((track, *cells, str(int(figures[f"{track}/num_partial"] or 0))))
    return Table((*headers, "such clips"), rows) if rows else None


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
                share_text((int(figures["num_scored"]), int(figures["num_clips"]))),
                percent(figures["called_fake"]),
                *(cell_text(metric, figures) for metric in metrics),
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
                *(cell_text(metric, score.figures) for metric in metrics),
                percent(score.found_share),
                "no, held out" if score.is_held_out else "yes",
            )
            for score in scores
        ],
    )


def format_interval(metric: Metric, figures: Mapping[str, float]) -> str:
    """Return the interval of a metric that has one, a dash where it is not defined."""
    low, high = (metric.format(figures[name]) for name in metric.names[1:])
    return UNDEFINED if UNDEFINED in (low, high) else f"{low} to {high}"


def signed(value: float, digits: int = 3) -> str:
    """Return a difference with its sign, a dash for NaN."""
    return UNDEFINED if math.isnan(value) else f"{value:+.{digits}f}"


def signed_range(low: float, high: float, digits: int = 3) -> str:
    """Return the ends of the interval of a difference, a dash where it is not defined."""
    ends = signed(low, digits), signed(high, digits)
    return UNDEFINED if UNDEFINED in ends else f"{ends[0]} to {ends[1]}"


def p_value_text(p_value: float) -> str:
    """Return a p-value: ``0.012``, ``1.5e-05``, ``< 1e-16`` below that; a dash for NaN.

    Smaller ones are the rounding of a number of 64 bits, and no evidence could be so strong.
    """
    if math.isnan(p_value):
        return UNDEFINED
    if p_value < _SMALLEST_P:
        return f"< {_SMALLEST_P:.0e}"
    return f"{p_value:.3f}" if p_value >= 0.001 else f"{p_value:.1e}"


def cell_text(metric: Metric, figures: Mapping[str, float | None], key: str = "") -> str:
    """Return a value with its interval, where there is one, in parentheses."""
    key = key or metric.name
    value = metric.format(figures.get(key))
    ends = [metric.format(figures.get(f"{key}_{end}")) for end in ("low", "high")]
    return value if UNDEFINED in (value, *ends) else f"{value} ({ends[0]} to {ends[1]})"


def ranged(figures: Mapping[str, float], key: str) -> str:
    """Return a figure with the ends of its interval, where it has one, in parentheses."""
    value = number_text(figures[key])
    ends = [number_text(figures.get(f"{key}_{end}", math.nan)) for end in ("low", "high")]
    return value if UNDEFINED in (value, *ends) else f"{value} ({ends[0]} to {ends[1]})"


def number_text(value: float) -> str:
    """Return a figure with three digits, a dash for NaN."""
    return UNDEFINED if math.isnan(value) else f"{value:.3f}"


def _against_real(metric: Metric) -> str:
    return f"{metric.label} against real clips" if metric.needs_both_classes else metric.label


def share_text(counts: tuple[int, int]) -> str:
    """Return how many of how many."""
    return f"{counts[0]} of {counts[1]}"


def percent(share: float) -> str:
    """Return a share in percent, a dash for NaN."""
    return UNDEFINED if math.isnan(share) else f"{share:.0%}"


def _word(label: int) -> str:
    return "fake" if label == FAKE else "real"


_GROUP_WORDS: dict[str, str] = {
    category: f"{category} ({_word(video)} video, {_word(audio)} audio)"
    for (video, audio), category in CATEGORIES.items()
}
