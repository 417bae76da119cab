"""Accuracy and AUC by training data and test set: Tables 1 and 3 of the paper."""

from collections.abc import Mapping, Sequence
from typing import Any

from macbdf_mm.evaluation.measures import measure_track
from macbdf_mm.evaluation.metric_table import METRIC_TABLE
from macbdf_mm.evaluation.scored_clips import ScoredClips, fill_missing
from macbdf_mm.evaluation.video_scores import none_if_nan
from macbdf_mm.reports.evaluation_record import EvaluationFacts, TestSetResult
from macbdf_mm.reports.tables import Table, cell_text

_FIGURES = ("acc", "always_fake_acc", "balanced_acc", "auc")


Row = Mapping[str, Any]


def matrix_row(facts: EvaluationFacts, result: TestSetResult) -> dict[str, Any]:
    """Return the figures of one test set as plain values, null where they are not defined.

    Args:
        facts: Of the evaluation; they say which data the detector was trained on.
        result: The scores. A test set is ``intra`` if it is of those data, else ``cross``.
    """
    clips = ScoredClips.of(fill_missing(result.scores.videos, facts.missing))
    figures = measure_track(
        clips, "overall", result.scores.thresholds["overall"], facts.num_resamples
    )
    if facts.trained_on is None:
        kind = "unknown"
    else:
        kind = "intra" if result.dataset == facts.trained_on else "cross"
    num_clips = len(result.scores.videos)
    names = [name for metric in _FIGURES for name in METRIC_TABLE[metric].names]
    return {
        "trained_on": facts.trained_on or "unknown",
        "detector": facts.detector,
        "test_set": result.name,
        "kind": kind,
        "num_clips": num_clips,
        "intervals_over": f"{clips.clusters.num} by {clips.clusters.description}",
        "coverage": len(result.scores.scored) / num_clips if num_clips else 0.0,
        **{name: none_if_nan(figures.get(name, float("nan"))) for name in names},
    }


def place_of(row: Row) -> tuple[str, str, str]:
    """Return what tells the cells of the matrix apart: training data, detector and test set."""
    return row["trained_on"], row["detector"], row["test_set"]


def matrix_table(rows: Sequence[Row]) -> Table:
    """Return ACC / AUC by training data (rows) and test set (columns), as Tables 1 and 3."""
    trained = list(dict.fromkeys((row["trained_on"], row["detector"]) for row in rows))
    tested = list(dict.fromkeys(row["test_set"] for row in rows))
    cells = {
        place_of(row): " / ".join(METRIC_TABLE[name].format(row[name]) for name in ("acc", "auc"))
        for row in rows
    }
    return Table(
        ("trained on", "detector", *(f"{name}: ACC / AUC" for name in tested)),
        [(*one, *(cells.get((*one, name), "") for name in tested)) for one in trained],
    )


def detail_table(rows: Sequence[Row]) -> Table:
    """Return a row for each training data and test set, with intervals and coverage."""
    auc = METRIC_TABLE["auc"]
    return Table(
        (
            *("trained on", "detector", "test set", "clips", "coverage"),
            *(METRIC_TABLE[name].label for name in _FIGURES[:-1]),
            *("AUC (95 % interval)", "clusters resampled"),
        ),
        [
            (
                *(str(row[name]) for name in ("trained_on", "detector")),
                f"{row['test_set']} ({row['kind']})",
                str(row["num_clips"]),
                f"{row['coverage']:.1%}",
                *(METRIC_TABLE[name].format(row[name]) for name in _FIGURES[:-1]),
                cell_text(auc, row),
                # Evaluations of before do not say it.
                str(row.get("intervals_over", "")),
            )
            for row in rows
        ],
    )
