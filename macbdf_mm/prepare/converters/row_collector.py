"""Collecting the rows of a conversion: one a file, each with its file, nothing lost unsaid."""

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.converters.findings import Findings
from macbdf_mm.prepare.converters.media_tree import MediaTree


class RowCollector:
    """Takes rows in any order and notes what is wrong with them.

    Args:
        tree: The files on the disk.
        findings: Where to note rows without files, repeated and contradicting rows.
    """

    def __init__(self, tree: MediaTree, findings: Findings) -> None:
        self._tree = tree
        self._findings = findings
        self._rows: dict[str, tuple[ClipRow, str]] = {}
        self._contradicted: set[str] = set()
        self._refused: set[str] = set()
        self._other_copies: set[str] = set()
        self.num_read = 0

    def add(self, row: ClipRow, place: str) -> None:
        """Take a row; ``place`` says where it was read, as in ``meta_data.csv, line 7``."""
        self.num_read += 1
        if row.file not in self._tree.media:
            self._findings.add("rows_without_files", row.file, place)
            return
        first = self._rows.setdefault(row.file, (row, place))
        if first[1] == place:
            return
        if _states(first[0]) == _states(row):
            self._findings.add("duplicate_rows", row.file, f"{place}; first in {first[1]}")
            return
        if row.file not in self._contradicted:
            self._contradicted.add(row.file)
            self._findings.add("contradicting_rows", row.file, first[1])
        self._findings.add("contradicting_rows", row.file, place)

    def confirm(self, row: ClipRow, place: str) -> None:
        """Take a row of a second table that may repeat the first: only a contradiction counts."""
        known = self._rows.get(row.file)
        if known is None or _states(known[0]) != _states(row):
            self.add(row, place)

    def refuse(self, item: str, place: str, reason: str) -> None:
        """Note a row that cannot be understood; its file, if that is ``item``, did have one."""
        self.num_read += 1
        self._refused.add(item)
        self._findings.add("rows_not_understood", item, f"{place}: {reason}")

    def note_copy(self, kept: str, copy: str) -> None:
        """Note a further copy of a clip, which then is no file without a row."""
        self._other_copies.add(copy)
        self._findings.add("duplicate_files", copy, f"copy of {kept}")

    def finish(self) -> list[ClipRow]:
        """Return the rows that are kept, in their order, and note the files without one."""
        named = self._rows.keys() | self._refused | self._other_copies
        for file in self._tree.media:
            if file not in named:
                self._findings.add("files_without_rows", file)
        return [row for file, (row, _) in self._rows.items() if file not in self._contradicted]


def _states(row: ClipRow) -> tuple[object, ...]:
    return (
        row.label,
        row.video_label,
        row.audio_label,
        row.video_fake_intervals,
        row.audio_fake_intervals,
    )
