"""An evaluation on several test sets: as JSON, as Markdown and as a page."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from macbdf_mm.evaluation.condition_deltas import (
    DELTA_METRICS,
    ConditionDelta,
    RobustnessSummary,
    summarise_robustness,
)
from macbdf_mm.evaluation.conditions import CORRUPTIONS, NUM_LEVELS
from macbdf_mm.evaluation.functional.comparison import holm
from macbdf_mm.evaluation.measures import measure_track
from macbdf_mm.evaluation.metric_table import METRIC_TABLE
from macbdf_mm.evaluation.score_file import ScoreSet
from macbdf_mm.evaluation.scored_clips import MissingPolicy, ScoredClips, fill_missing
from macbdf_mm.reports.figures.severity_curves import SeverityCurve, draw_severity_curves
from macbdf_mm.reports.page import Picture, write_page
from macbdf_mm.reports.score_tables import ScoreTables, score_tables
from macbdf_mm.reports.tables import Table, format_interval
from macbdf_mm.utils.files import write_atomically, write_json
from macbdf_mm.utils.tables import markdown_table, printable

STEM = "evaluation"
_FIGURES = ("acc", "always_fake_acc", "balanced_acc", "auc")
_POLICIES = {
    "exclude": "left out of the figures",
    "as-real": "counted as real (score 0)",
    "as-fake": "counted as fake (score 1)",
}


@dataclass(frozen=True)
class EvaluationFacts:
    """What holds for all test sets of an evaluation.

    Attributes:
        config: Path of the config.
        checkpoint: Path of the weights.
        trained_on: Names of the data sets of the training, None if the checkpoint does not say.
        trained_on_synthetic: Whether they are rendered, None if the checkpoint does not say.
        command: The command line.
        missing: Policy for clips without a score.
        columns: Further columns by which figures are broken down.
        num_resamples: Of the intervals.
        seed: Of the resampling, of the probes and corruptions, and of the choice of a few clips.
        limit: How many clips of each data set were looked at; None for all.
        versions: Of the packages.
    """

    config: str
    checkpoint: str
    trained_on: str | None
    trained_on_synthetic: bool | None
    command: str
    missing: MissingPolicy
    columns: tuple[str, ...]
    num_resamples: int
    seed: int
    limit: int | None
    versions: Mapping[str, str]

    @property
    def detector(self) -> str:
        """Name of the config and of the weights."""
        return f"{Path(self.config).stem}, {Path(self.checkpoint).stem}"


@dataclass(frozen=True)
class TestSetResult:
    """The scores of one test set and what changes do to them.

    Attributes:
        name: Of the test set.
        dataset: Names of its data sets.
        is_synthetic: Whether its annotation says that its clips are rendered.
        scores: Of the clips as they are.
        deltas: Under changes, in their order.
    """

    # pytest takes classes named Test* for test cases unless they say otherwise.
    __test__ = False

    name: str
    dataset: str
    is_synthetic: bool
    scores: ScoreSet
    deltas: Sequence[ConditionDelta]


def write_evaluation(
    folder: Path,
    facts: EvaluationFacts,
    results: Sequence[TestSetResult],
    beside: Sequence[Mapping[str, Any]] = (),
) -> list[Path]:
    """Return the paths of ``evaluation.json``, ``.md`` and ``.html``, which are written.

    Args:
        folder: Where to write.
        facts: What holds for all test sets.
        results: The test sets.
        beside: Rows of the matrices of other evaluations, of detectors that were trained on other
            data; they stand above those of this one, which replaces its own earlier ones.
    """
    own = [_matrix_row(facts, result) for result in results]
    named = {_place_of(row) for row in own}
    others = [row for row in beside if _place_of(row) not in named]
    rows = [*others, *own]
    sections = [_Section(facts, result) for result in results]
    document = {
        "facts": asdict(facts),
        "matrix": rows,
        "test_sets": [section.to_json() for section in sections],
    }
    paths = [folder / f"{STEM}.{suffix}" for suffix in ("json", "md", "html")]
    write_json(document, paths[0])
    notes = _notes(facts, results)
    write_atomically(_markdown(notes, rows, sections), paths[1])
    write_page(
        paths[2],
        "evaluation.html.j2",
        title="Evaluation",
        facts=facts,
        notes=notes,
        is_synthetic=any(result.is_synthetic for result in results),
        tiles=[
            (METRIC_TABLE["auc"].format(row["auc"]), f"AUC on {row['test_set']} ({row['kind']})")
            for row in own
        ],
        matrix=matrix_table(rows),
        details=detail_table(rows),
        sections=sections,
    )
    return paths


def matrix_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return ACC / AUC by training data (rows) and test set (columns), as Tables 1 and 3."""
    trained = list(dict.fromkeys((row["trained_on"], row["detector"]) for row in rows))
    tested = list(dict.fromkeys(row["test_set"] for row in rows))
    cells = {
        _place_of(row): " / ".join(METRIC_TABLE[name].format(row[name]) for name in ("acc", "auc"))
        for row in rows
    }
    return Table(
        ("trained on", "detector", *(f"{name}: ACC / AUC" for name in tested)),
        [(*one, *(cells.get((*one, name), "") for name in tested)) for one in trained],
    )


def detail_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return a row for each training data and test set, with intervals and coverage."""
    auc = METRIC_TABLE["auc"]
    return Table(
        (
            *("trained on", "detector", "test set", "kind", "clips", "coverage"),
            *(METRIC_TABLE[name].label for name in _FIGURES),
            "95 % interval of AUC",
        ),
        [
            (
                *(str(row[name]) for name in ("trained_on", "detector", "test_set", "kind")),
                str(row["num_clips"]),
                f"{row['coverage']:.1%}",
                *(METRIC_TABLE[name].format(row[name]) for name in _FIGURES),
                format_interval(auc, {name: _number(row[name]) for name in auc.names}),
            )
            for row in rows
        ],
    )


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
                f"{of_auc.difference:+.3f}",
                f"{of_auc.low:+.3f} to {of_auc.high:+.3f}",
                f"{p_value:.3f}",
                f"{of_balanced.difference:+.3f}",
                f"{of_balanced.low:+.3f} to {of_balanced.high:+.3f}",
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
                    f"{found.mean_auc_drop:+.3f}",
                    f"{found.mean_corruption_error:.3f}",
                )
            )
    levels = [f"AUC at level {level}" for level in range(1, NUM_LEVELS + 1)]
    return Table(("corruption", *levels, "mean AUC drop", "mean error"), rows)


class _Section:
    """What the page, the text and the JSON say of one test set."""

    def __init__(self, facts: EvaluationFacts, result: TestSetResult) -> None:
        self.result = result
        self.name = result.name
        self.tables: ScoreTables = score_tables(
            result.scores, facts.missing, facts.columns, facts.num_resamples
        )
        changes = [delta for delta in result.deltas if not delta.condition.corruption]
        self.changes = delta_table(changes) if changes else None
        corrupted = [delta for delta in result.deltas if delta.condition.corruption]
        self.summary: RobustnessSummary | None = summarise_robustness(corrupted)
        self.robustness = robustness_table(corrupted) if corrupted else None
        self.clusters = result.deltas[0].clusters if result.deltas else ""
        self._curves = _severity_curves(corrupted)

    @property
    def notes(self) -> list[str]:
        """What is said below the tables, a sentence each."""
        notes = list(self.tables.notes)
        if self.changes or self.robustness:
            notes.append(
                "Differences: the same clips changed and as they are, by a paired bootstrap of "
                f"clusters of clips ({self.clusters}); labels and thresholds stay."
            )
        if self.summary:
            notes.append(
                f"{self.summary.num_corruptions} corruptions, overall score: mean corruption error "
                f"(1 - balanced ACC) {self.summary.mean_corruption_error:.3f}, without corruption "
                f"{self.summary.clean_error:.3f}; mean AUC drop {self.summary.mean_auc_drop:+.3f}."
            )
        return notes

    @property
    def digests(self) -> dict[str, str]:
        """Digest of weights, data, split and config, by name."""
        origin = self.result.scores.origin
        found = {
            name: str(origin[key])
            for name, key in (
                ("weights", "weights_sha256"),
                ("config", "config_sha256"),
                ("split", "split_sha256"),
            )
            if key in origin
        }
        annotations = origin.get("annotations") or {}
        return found | {f"annotation {path}": str(value) for path, value in annotations.items()}

    @property
    def thresholds(self) -> str:
        """The thresholds of the three scores."""
        values = self.result.scores.thresholds.items()
        return ", ".join(f"{track} {value:.3f}" for track, value in values)

    def picture(self) -> Picture | None:
        """Return the severity curves, None without corruptions."""
        if not self._curves:
            return None
        return Picture(
            lambda theme: draw_severity_curves(self._curves, theme),
            f"AUC against the level of each corruption, on {self.name}.",
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "name": self.name,
            "dataset": self.result.dataset,
            "is_synthetic": self.result.is_synthetic,
            "thresholds": dict(self.result.scores.thresholds),
            "is_threshold_fitted": self.result.scores.is_threshold_fitted,
            "aggregation": self.result.scores.aggregation,
            "digests": self.digests,
            **{**self.tables.to_json(), "notes": self.notes},
            "changes": [
                {
                    "condition": delta.condition.name,
                    "title": delta.condition.title,
                    "corruption": delta.condition.corruption or None,
                    "level": delta.condition.level or None,
                    "score": delta.track,
                    "num_clips": delta.num_clips,
                    "clusters": delta.clusters,
                    **{
                        name: {key: _none_if_nan(value) for key, value in found._asdict().items()}
                        for name, found in delta.differences.items()
                    },
                }
                for delta in self.result.deltas
            ],
            "robustness": asdict(self.summary) if self.summary else None,
        }


def _matrix_row(facts: EvaluationFacts, result: TestSetResult) -> dict[str, Any]:
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
        "coverage": len(result.scores.scored) / num_clips if num_clips else 0.0,
        **{name: _none_if_nan(figures.get(name, float("nan"))) for name in names},
    }


def _place_of(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["trained_on"], row["detector"], row["test_set"]


def _severity_curves(deltas: Sequence[ConditionDelta]) -> list[SeverityCurve]:
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


def _notes(facts: EvaluationFacts, results: Sequence[TestSetResult]) -> list[str]:
    notes = []
    synthetic = [result.name for result in results if result.is_synthetic]
    if synthetic:
        notes.append(
            f"Synthetic data: the clips of {', '.join(synthetic)} are rendered, not filmed; their "
            "figures say nothing about real video."
        )
    if facts.trained_on_synthetic:
        notes.append("The detector was trained on rendered clips.")
    if facts.limit is not None:
        notes.append(
            f"A quick look: at most {facts.limit} clips of each data set, as many real as fake as "
            "far as there are; the figures are not those of the whole test sets."
        )
    notes.append(f"Clips without a score are {_POLICIES[facts.missing]} (policy {facts.missing}).")
    notes.append(
        "Thresholds come from the checkpoint; none is chosen on a test set. 'Intra': the test set "
        "is of the data that the detector was trained on; 'cross': of other data."
    )
    return notes


def _markdown(
    notes: Sequence[str], rows: Sequence[Mapping[str, Any]], sections: Sequence[_Section]
) -> str:
    parts = ["# Evaluation", *notes, "## All test sets"]
    parts += [_to_markdown(matrix_table(rows)), _to_markdown(detail_table(rows))]
    for section in sections:
        parts.append(f"## {printable(section.name)}")
        for title, table in section.tables.tables.items():
            parts += [f"### {printable(title)}", _to_markdown(table)]
        if section.changes:
            parts += ["### Masked tracks and probes for shortcuts", _to_markdown(section.changes)]
        if section.robustness:
            parts += ["### Robustness", _to_markdown(section.robustness)]
        parts += [*section.notes, f"Thresholds: {section.thresholds}."]
        parts.append("\n".join(f"- {name}: `{value}`" for name, value in section.digests.items()))
    return "\n\n".join(part for part in parts if part) + "\n"


def _to_markdown(table: Table) -> str:
    rows = [[printable(cell).replace("|", "\\|") for cell in row] for row in table.rows]
    return markdown_table([cell.replace("|", "\\|") for cell in table.headers], rows)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _none_if_nan(value: float) -> float | None:
    return None if value != value else value
