"""What a conversion did, for reading and for other programs."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.converters.findings import KINDS, Findings
from macbdf_mm.utils.files import write_json

_NUM_NAMED = 3


@dataclass(frozen=True)
class ConversionReport:
    """The outcome of one conversion.

    Attributes:
        dataset: Name of the data set.
        root: The folder that was converted.
        annotation: The annotation that was written.
        path: The report, where everything found is listed.
        num_rows_read: Rows in the tables of the data set.
        num_files: Media files on the disk.
        rows: The rows that were written.
        findings: All that was wrong.
        options: What was asked for.
    """

    dataset: str
    root: Path
    annotation: Path
    path: Path
    num_rows_read: int
    num_files: int
    rows: list[ClipRow]
    findings: Findings
    options: Mapping[str, Any]

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how many rows were written by split, by label and by category."""
        labels = {1: "fake", 0: "real", -1: "unknown"}
        tallies: dict[str, Counter[str]] = {
            "split": Counter(str(row.split) for row in self.rows),
            "label": Counter(labels[row.label] for row in self.rows),
            "category": Counter(str(row.category or "unknown") for row in self.rows),
        }
        return {name: dict(sorted(tally.items())) for name, tally in tallies.items()}

    def describe(self) -> str:
        """Return a short text: the counts, and a line for each kind of finding."""
        lines = [
            f"{self.dataset}: {self.num_rows_read} rows read, {self.num_files} media files found, "
            f"{len(self.rows)} rows written to {self.annotation}"
        ]
        for name, tally in self.counts().items():
            lines.append(f"  by {name}: " + ", ".join(f"{k} {n}" for k, n in tally.items()))
        for kind, found in self.findings:
            named = ", ".join(item.item for item in found[:_NUM_NAMED])
            more = ", ..." if len(found) > _NUM_NAMED else ""
            lines.append(f"  {len(found)} {KINDS[kind]}: {named}{more}")
        lines.append(f"Everything found is listed in {self.path}")
        return "\n".join(lines)

    def save(self) -> None:
        """Write the report as JSON, replaced as a whole."""
        document = {
            "dataset": self.dataset,
            "root": str(self.root),
            "annotation": str(self.annotation),
            "options": dict(self.options),
            "rows_read": self.num_rows_read,
            "media_files": self.num_files,
            "rows_written": len(self.rows),
            "counts": self.counts(),
            "findings": self.findings.to_plain(),
        }
        write_json(document, self.path)
