"""What came of preparing faces: counts, reasons, and every clip by name."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.faces.prepare_clip import ClipResult
from macbdf_mm.utils.tables import printable_lines

_NUM_NAMED = 5
_LOW_COVER = 0.5


@dataclass(frozen=True)
class PreparationReport:
    """The outcome for every clip of an annotation.

    Attributes:
        out_dir: The output folder.
        settings: With what it was made.
        clips: All rows with their results; None where a clip is not done yet.
    """

    out_dir: Path
    settings: dict[str, Any]
    clips: tuple[tuple[ClipRow, ClipResult | None], ...]

    @property
    def path(self) -> Path:
        """The report's file."""
        return self.out_dir / "report.json"

    @property
    def annotation_path(self) -> Path:
        """The new annotation."""
        return self.out_dir / "annotation.json"

    @property
    def failed_path(self) -> Path:
        """With crops: the rows that have none, with their reasons."""
        return self.out_dir / "failed.json"

    @property
    def results(self) -> list[ClipResult]:
        """What is done."""
        return [result for _, result in self.clips if result is not None]

    @property
    def num_outstanding(self) -> int:
        """How many clips are not done yet, here or by other shards."""
        return len(self.clips) - len(self.results)

    @property
    def failures(self) -> list[ClipResult]:
        """The clips without a face."""
        return [result for result in self.results if result.status == "failed"]

    def counts(self) -> dict[str, int]:
        """Return how many clips ended how."""
        statuses = Counter(result.status for result in self.results)
        partly = [r for r in self.results if r.covered_share is not None]
        return {
            "clips": len(self.clips),
            "found": statuses["found"],
            "several": statuses["several"],
            "failed": statuses["failed"],
            "outstanding": self.num_outstanding,
            "seen_less_than_half": sum((r.covered_share or 0) < _LOW_COVER for r in partly),
        }

    def as_dict(self) -> dict[str, Any]:
        """Return counts, also by label and split, and one entry per clip, as plain values."""
        return {
            "settings": self.settings,
            "counts": self.counts(),
            "failed_by_label": self._failed_by("label"),
            "failed_by_split": self._failed_by("split"),
            "clips": [
                {
                    "file": result.file,
                    "status": result.status,
                    "reason": result.reason,
                    "num_tracks": len(result.faces),
                    "covered_share": result.covered_share,
                    "num_frames": result.num_frames,
                    "crop": result.crop_file,
                }
                for result in self.results
            ],
        }

    def describe(self) -> str:
        """Return what a person wants to know at the end of a run, some lines."""
        counts = self.counts()
        lines = [
            f"{counts['clips']} clips: {counts['found']} with one face, {counts['several']} with "
            f"several of which one was chosen, {counts['failed']} failed; in "
            f"{counts['seen_less_than_half']} the face is seen less than half of the time."
        ]
        lines += [f"  failed: {r.file}: {r.reason}" for r in self.failures[:_NUM_NAMED]]
        if len(self.failures) > _NUM_NAMED:
            lines.append(f"  and {len(self.failures) - _NUM_NAMED} more; see {self.path}")
        if self.num_outstanding:
            return printable_lines(
                [
                    *lines,
                    f"{self.num_outstanding} clips are not done yet; run the other shards, then "
                    f"once without --shard, which writes {self.annotation_path}.",
                ]
            )
        if self.settings["crops"] is not None and self.failures:
            share = 1 - len(self.failures) / len(self.clips)
            lines.append(
                f"The failed clips are not in the annotation of the crops, which covers "
                f"{100 * share:.1f} %, but in {self.failed_path}."
            )
        lines.append(f"Annotation: {self.annotation_path}; report: {self.path}")
        return printable_lines(lines)

    def _failed_by(self, field: str) -> dict[str, dict[str, int]]:
        """Return failed and all clips for each value of a field: failures must not tell labels."""
        totals = Counter(str(getattr(row, field)) for row, result in self.clips if result)
        failed = Counter(
            str(getattr(row, field))
            for row, result in self.clips
            if result is not None and result.status == "failed"
        )
        return {value: {"failed": failed[value], "clips": totals[value]} for value in totals}
