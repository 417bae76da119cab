"""What a converter is to the rest of the package, and what it collects rows with."""

from abc import ABC, abstractmethod

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.converters.conversion_report import Findings
from macbdf_mm.prepare.converters.media_tree import MediaTree
from macbdf_mm.structures.labels import UNKNOWN
from macbdf_mm.utils.tables import shown
from macbdf_mm.utils.text_files import is_shallow, is_whole


class Converter(ABC):
    """Reads the tables of one data set as it was published; files are checked by others.

    To add one, derive from this class, register it, and name its module with ``--import``::

        @CONVERTERS.register_module("mine")
        class MineConverter(Converter):
            def read(self, collector): ...

    Parameters of the constructor that are annotated with an
    :class:`~macbdf_mm.registered_parts.Option` are its options on the command line;
    ``docs/extend.md`` has a whole example.

    Attributes:
        compares_tracks: Whether a fake is compared with its ``source`` to find out which of its
            tracks is fake, because the tables do not say.
        audio_fake_implies_video_fake: Where tracks are compared: take for granted that no clip is
            fake in its sound alone.
    """

    compares_tracks: bool = False
    audio_fake_implies_video_fake: bool = False

    @abstractmethod
    def read(self, collector: "RowCollector") -> list[ClipRow]:
        """Return the rows that the tables state: what ``collector.finish()`` gives.

        Args:
            collector: Takes the rows; ``collector.tree`` has the files on the disk,
                ``collector.findings`` what is wrong.

        Raises:
            MissingDataError: If there is no table.
            AnnotationError: If a table breaks its format.
            ConfigError: If an option does not fit.
        """


class RowCollector:
    """Takes rows in any order and notes what is wrong with them.

    Args:
        tree: The files on the disk.
        findings: Where to note what is wrong, such as rows without files, repeated and
            contradicting rows.

    Attributes:
        num_read: How many rows were taken, whatever became of them.
    """

    def __init__(self, tree: MediaTree, findings: Findings) -> None:
        self.tree = tree
        self.findings = findings
        self._rows: dict[str, tuple[ClipRow, str]] = {}
        self._contradicted: set[str] = set()
        self._refused: set[str] = set()
        self._other_copies: set[str] = set()
        self.num_read = 0

    def add(self, row: ClipRow, place: str) -> None:
        """Take a row; ``place`` says where it was read, as in ``meta_data.csv, line 7``."""
        problem = _problem(row)
        if problem is not None:
            self.refuse(row.file, place, problem)
            return
        self.num_read += 1
        if row.file not in self.tree.media:
            self.findings.add("rows_without_files", row.file, place)
            return
        first = self._rows.setdefault(row.file, (row, place))
        if first[1] == place:
            return
        if _states(first[0]) == _states(row):
            self.findings.add("duplicate_rows", row.file, f"{place}; first in {first[1]}")
            return
        if row.file not in self._contradicted:
            self._contradicted.add(row.file)
            self.findings.add("contradicting_rows", row.file, first[1])
        self.findings.add("contradicting_rows", row.file, place)

    def confirm(self, row: ClipRow, place: str) -> None:
        """Take a row of a second table that may repeat the first: only a contradiction counts."""
        known = self._rows.get(row.file)
        if known is None or _states(known[0]) != _states(row):
            self.add(row, place)

    def refuse(self, item: str, place: str, reason: str) -> None:
        """Note a row that cannot be understood; its file, if that is ``item``, did have one."""
        self.num_read += 1
        self._refused.add(item)
        self.findings.add("rows_not_understood", item, f"{place}: {reason}")

    def note_copy(self, kept: str, copy: str) -> None:
        """Note a further copy of a clip, which then is no file without a row."""
        self._other_copies.add(copy)
        self.findings.add("duplicate_files", copy, f"copy of {kept}")

    def finish(self) -> list[ClipRow]:
        """Return the rows that are kept, in their order, and note what is missing.

        That is files without a row, clips without a label, fakes whose original is not there.
        """
        for place, problem in self.tree.problems.items():
            self.findings.add("unreachable", place, problem)
        named = self._rows.keys() | self._refused | self._other_copies
        for file in self.tree.media:
            if file not in named:
                self.findings.add("files_without_rows", file)
        rows = [row for file, (row, _) in self._rows.items() if file not in self._contradicted]
        for row in rows:
            if (row.label, row.video_label, row.audio_label) == (UNKNOWN,) * 3:
                self.findings.add("unlabelled", row.file)
            if row.file in self.tree.respelled:
                stated = self.tree.respelled[row.file]
                self.findings.add("files_respelled", row.file, f"stated as {stated}")
            if row.source is not None and row.source not in self.tree.media:
                self.findings.add("originals_missing", row.file, f"original {row.source}")
        return rows


def _problem(row: ClipRow) -> str | None:
    """Return why no annotation can hold a row, or None."""
    for name in ("identity", "source", "method", "split"):
        if not is_whole(getattr(row, name)):
            return f"`{name}` is {shown(getattr(row, name))}, which holds half of a character"
    deep = [name for name, value in row.extra.items() if not is_shallow(value)]
    return f"{shown(deep[0])} is nested too deeply" if deep else None


def _states(row: ClipRow) -> tuple[object, ...]:
    return (
        row.label,
        row.video_label,
        row.audio_label,
        row.video_fake_intervals,
        row.audio_fake_intervals,
    )
