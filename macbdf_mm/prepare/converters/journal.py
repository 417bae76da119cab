"""What was already found out about files, kept beside the annotation from run to run."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from macbdf_mm.prepare.converters.media_tree import FileStamp

# Raised when what is measured changes its meaning: older entries are then measured again.
JOURNAL_VERSION = 1


class Journal:
    """Results by kind and file, appended line by line, so that a stopped run loses none.

    An entry holds as long as size and time of change of its files stay the same. A context
    manager: the file is open for appending inside.

    Args:
        path: The JSON-lines file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries = dict(_read_entries(path))
        self._file: TextIO | None = None

    def __enter__(self) -> "Journal":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        ends_whole = not self.path.exists() or self.path.read_bytes()[-1:] in (b"", b"\n")
        self._file = self.path.open("a", encoding="utf-8")
        if not ends_whole:  # The line that was being written when a run was killed.
            self._file.write("\n")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None

    def get(self, kind: str, file: str, stamps: Sequence[FileStamp]) -> dict[str, Any] | None:
        """Return what is known of a file, None if nothing is, or a stamp has changed."""
        entry = self._entries.get((kind, file))
        if entry is None or entry[0] != _plain_stamps(stamps):
            return None
        return entry[1]

    def put(
        self, kind: str, found: Iterable[tuple[str, Sequence[FileStamp], dict[str, Any]]]
    ) -> None:
        """Keep results ``(file, stamps, result)``; they are on the disk when this returns."""
        if self._file is None:
            raise RuntimeError("Expected `put` inside of a `with` block of the journal.")
        for file, stamps, result in found:
            plain = _plain_stamps(stamps)
            self._entries[kind, file] = (plain, result)
            line = [JOURNAL_VERSION, kind, file, plain, result]
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()


def _plain_stamps(stamps: Sequence[FileStamp]) -> list[list[int]]:
    return [[stamp.size_bytes, stamp.modified_ns] for stamp in stamps]


def _read_entries(path: Path) -> Iterable[tuple[tuple[str, str], tuple[Any, dict[str, Any]]]]:
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                version, kind, file, stamps, result = json.loads(line)
            except ValueError:
                continue  # Half a line, of a run that was killed: its file is looked at again.
            if version == JOURNAL_VERSION:
                yield (kind, file), (stamps, result)
