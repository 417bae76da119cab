"""The figures of a test as a text table."""

import math
from collections.abc import Mapping, Sequence

from macbdf_mm.evaluation.measures import METHOD_KEYS
from macbdf_mm.evaluation.video_scores import STEP_TRACKS, TRACKS

_SECTIONS = {
    "auc_by_category": "AUC by category, against all real clips (overall score)",
    "acc_by_category": "Accuracy by category (overall score)",
    METHOD_KEYS["overall"]: "AUC by method of the clip (overall score)",
    METHOD_KEYS["video"]: "AUC by video operator (video score)",
    METHOD_KEYS["audio"]: "AUC by audio operator (audio score)",
}


def format_figures(figures: Mapping[str, float]) -> str:
    """Return the figures of :func:`~macbdf_mm.evaluation.measures.measure_videos` as text.

    One row a track with the AUC and its interval, the row "always fake" beneath to compare the
    accuracy with; the frame-level figures where there are any; then categories and methods.
    """
    parts = [_format_tracks(figures), *_format_steps(figures)]
    for key, title in _SECTIONS.items():
        rows = [
            [name.removeprefix(f"{key}/"), _number(value)]
            for name, value in figures.items()
            if name.startswith(f"{key}/")
        ]
        if rows:
            parts.append(f"{title}\n{_align(rows)}")
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


def _format_tracks(figures: Mapping[str, float]) -> str:
    rows = [["", "AUC", "95 % interval", "EER", "ACC", "balanced", "threshold", "real/fake"]]
    for track in TRACKS:
        value = {
            name.removeprefix(f"{track}/"): figure
            for name, figure in figures.items()
            if name.startswith(f"{track}/")
        }
        rows.append(
            [
                track,
                _number(value["auc"]),
                f"{_number(value['auc_low'])} - {_number(value['auc_high'])}",
                *(_number(value[key]) for key in ("eer", "acc", "balanced_acc", "threshold")),
                f"{int(value['num_real'])}/{int(value['num_fake'])}",
            ]
        )
        always = _number(value["always_fake_acc"])
        chance = "" if math.isnan(value["balanced_acc"]) else "0.500"
        rows.append(["  always fake", "", "", "", always, chance, "", ""])
    return _align(rows)


def _format_steps(figures: Mapping[str, float]) -> list[str]:
    rows = [["", "AUC of all time steps", "of partially fake clips", "such clips"]]
    for track in STEP_TRACKS:
        if f"{track}/frame_auc" in figures:
            keys = ("frame_auc", "frame_auc_partial")
            numbers = [_number(figures[f"{track}/{key}"]) for key in keys]
            rows.append([track, *numbers, str(int(figures[f"{track}/num_partial"]))])
    return [f"Frame level\n{_align(rows)}"] if len(rows) > 1 else []


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _align(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
