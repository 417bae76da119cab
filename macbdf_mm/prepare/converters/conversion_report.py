"""What a conversion came across and did, for reading and for other programs."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.utils.files import write_json
from macbdf_mm.utils.tables import printable_lines

_NUM_NAMED = 3
# Kind -> what it is, and what was done about it.
KINDS = {
    "unreachable": "places that were not looked into, such as links that lead nowhere and folders "
    "without permission; left out",
    "rows_without_files": "rows whose file does not exist; left out",
    "files_without_rows": "media files that no row names; left out",
    "duplicate_rows": "rows that name a file again, with the same labels; left out",
    "contradicting_rows": "rows that name a file again, with other labels; all of them left out",
    "duplicate_files": "further copies of a clip of the same name; left out",
    "rows_not_understood": "rows that lack what is needed or hold unknown values; left out",
    "files_respelled": "rows that spell their file otherwise than the disk (case, accents, %20); "
    "kept with the name on the disk",
    "originals_missing": "fakes whose original is missing; kept",
    "originals_unnamed": "fakes whose original is in no table; kept",
    "tracks_uncertain": "clips with a track whose label is uncertain; kept as unknown",
    "unlabelled": "clips without a label; kept as unknown",
    "empty_files": "files of 0 bytes; kept",
    "unreadable_files": "files whose header cannot be read; kept",
    "without_sound": "clips without a sound track; kept, their sound is unknown",
    "without_video": "clips without a video track; kept, their video is unknown",
    "durations_corrected": "clips whose file lasts longer or shorter than the row says; kept "
    "with the length of the file",
    "intervals_missing": "clips with a modified track for which no interval is stated; kept, that "
    "track is unknown",
    "intervals_corrected": "clips with fake intervals that are empty, after the end, or of a track "
    "that is not fake; kept without these",
}


@dataclass(frozen=True)
class Finding:
    """One problem: the file or row that it concerns, and a description."""

    item: str
    note: str | None = None

    def to_plain(self) -> str | dict[str, str]:
        """Return it for JSON: the item alone if there is no note."""
        return self.item if self.note is None else {"item": self.item, "note": self.note}


class Findings:
    """A list of findings for each kind of :data:`KINDS`."""

    def __init__(self) -> None:
        self._found: dict[str, list[Finding]] = {kind: [] for kind in KINDS}

    def add(self, kind: str, item: str, note: str | None = None) -> None:
        """Note one more item.

        Raises:
            KeyError: If the kind is none of :data:`KINDS`.
        """
        self._found[kind].append(Finding(item, note))

    def __getitem__(self, kind: str) -> list[Finding]:
        return self._found[kind]

    def __iter__(self) -> Iterator[tuple[str, list[Finding]]]:
        """Iterate over the kinds of which something was found, in the order of :data:`KINDS`."""
        return ((kind, found) for kind, found in self._found.items() if found)

    def to_plain(self) -> dict[str, Any]:
        """Return all of it for JSON: kind -> meaning, count and every item."""
        return {
            kind: {
                "meaning": KINDS[kind],
                "count": len(found),
                "items": [item.to_plain() for item in found],
            }
            for kind, found in self
        }


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
        return printable_lines(lines)

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
