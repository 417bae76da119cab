"""An evaluation on several test sets: as JSON, as Markdown and as a page."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from macbdf_mm.evaluation.metric_table import METRIC_TABLE
from macbdf_mm.reports.evaluation_record import EvaluationFacts, TestSetResult
from macbdf_mm.reports.page import write_page
from macbdf_mm.reports.result_matrix import detail_table, matrix_row, matrix_table, place_of
from macbdf_mm.reports.score_tables import POLICY_WORDS
from macbdf_mm.reports.tables import Table
from macbdf_mm.reports.test_set_section import TestSetSection
from macbdf_mm.utils.files import write_atomically, write_json
from macbdf_mm.utils.tables import markdown_table, printable

STEM = "evaluation"


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
    own = [matrix_row(facts, result) for result in results]
    named = {place_of(row) for row in own}
    others = [row for row in beside if place_of(row) not in named]
    rows = [*others, *own]
    sections = [TestSetSection(facts, result) for result in results]
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
    notes.append(f"Clips without a score {POLICY_WORDS[facts.missing]} (policy {facts.missing}).")
    notes.append(
        "Thresholds come from the checkpoint; none is chosen on a test set. 'Intra': the test set "
        "is of the data that the detector was trained on; 'cross': of other data."
    )
    return notes


def _markdown(
    notes: Sequence[str], rows: Sequence[Mapping[str, Any]], sections: Sequence[TestSetSection]
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
