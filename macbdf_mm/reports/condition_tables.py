"""What changes of the clips do to a detector: tables, and curves over the severity."""

from collections.abc import Sequence

from macbdf_mm.evaluation.condition_deltas import (
    DELTA_METRICS,
    ConditionDelta,
    summarise_robustness,
)
from macbdf_mm.evaluation.conditions import CORRUPTIONS, NUM_LEVELS
from macbdf_mm.evaluation.functional.comparison import holm
from macbdf_mm.evaluation.metric_table import METRIC_TABLE
from macbdf_mm.reports.figures.severity_curves import SeverityCurve
from macbdf_mm.reports.tables import Table, number_text, p_value_text, signed, signed_range


def delta_table(deltas: Sequence[ConditionDelta]) -> Table:
    """Return a row for each change and score: the figures and their differences."""
    auc, balanced = (METRIC_TABLE[name] for name in DELTA_METRICS)
    adjusted = holm([delta.differences["auc"].p_value for delta in deltas])
    rows = []
    for delta, p_value in zip(deltas, adjusted, strict=True):
        of_auc, of_balanced = (delta.differences[name] for name in DELTA_METRICS)
        rows.append(
            (
                delta.condition.title,
                delta.track,
                str(delta.num_clips),
                auc.format(of_auc.value_b),
                auc.format(of_auc.value_a),
                signed(of_auc.difference),
                signed_range(of_auc.low, of_auc.high),
                p_value_text(p_value),
                signed(of_balanced.difference),
                signed_range(of_balanced.low, of_balanced.high),
            )
        )
    return Table(
        (
            *(
                "change",
                "score",
                "clips",
                "AUC as is",
                "AUC changed",
                "difference",
                "95 % interval",
            ),
            *("p (Holm)", f"difference of {balanced.label}", "95 % interval"),
        ),
        rows,
    )


def robustness_table(deltas: Sequence[ConditionDelta]) -> Table:
    """Return a row a corruption: AUC of the overall score by level, mean drop and mean error."""
    auc = METRIC_TABLE["auc"]
    rows = []
    for corruption in CORRUPTIONS.values():
        by_level = {
            delta.condition.level: delta.differences
            for delta in deltas
            if delta.condition.corruption == corruption.name and delta.track == "overall"
        }
        if not by_level:
            continue
        found = summarise_robustness(
            [d for d in deltas if d.condition.corruption == corruption.name]
        )
        if found is not None:
            values = ", ".join(f"{value:g}" for value in corruption.values)
            rows.append(
                (
                    f"{corruption.title} ({values} {corruption.unit})",
                    *(
                        auc.format(by_level[level]["auc"].value_a) if level in by_level else ""
                        for level in range(1, NUM_LEVELS + 1)
                    ),
                    signed(found.mean_auc_drop),
                    number_text(found.mean_corruption_error),
                )
            )
    levels = [f"AUC at level {level}" for level in range(1, NUM_LEVELS + 1)]
    return Table(("corruption", *levels, "mean AUC drop", "mean error"), rows)


def severity_curves(deltas: Sequence[ConditionDelta]) -> list[SeverityCurve]:
    """Return a curve a corruption: AUC by level, of the overall score and the changed track's."""
    curves = []
    for corruption in CORRUPTIONS.values():
        auc: dict[str, dict[int, float]] = {}
        for delta in deltas:
            is_shown = delta.track in ("overall", corruption.track)
            if delta.condition.corruption == corruption.name and is_shown:
                found = delta.differences["auc"]
                values = auc.setdefault(delta.track, {0: found.value_b})
                values[delta.condition.level] = found.value_a
        if auc:
            curves.append(SeverityCurve(corruption.title, auc))
    return curves
