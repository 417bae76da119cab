"""Results on the disk, written as they come, so that a stopped run goes on where it was."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TextIO

from macbdf_mm.prepare.faces.prepare_clip import ClipResult

_FOLDER = "results"


class ResultJournal:
    """Appends results to a file of its own; also a context manager.

    Each shard has its file, so that several machines can write into one folder.

    Args:
        out_dir: The output folder.
        shard: Number of this shard, from 0, and how many there are.
    """

    def __init__(self, out_dir: Path, shard: tuple[int, int]) -> None:
        self.path = out_dir / _FOLDER / f"{shard[0] + 1}-of-{shard[1]}.jsonl"
        self._file: TextIO | None = None

    def __enter__(self) -> "ResultJournal":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_cut = self.path.exists() and self.path.read_bytes()[-1:] not in (b"", b"\n")
        self._file = self.path.open("a", encoding="utf-8")
        if is_cut:  # The line that was being written when a run was killed.
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

    def add(self, result: ClipResult) -> None:
        """Append a result; it is on the disk when this returns."""
        if self._file is None:
            raise RuntimeError("Expected `add` inside of a `with` block of the journal.")
        self._file.write(json.dumps(result.as_dict(), ensure_ascii=False) + "\n")
        self._file.flush()


def read_results(out_dir: Path) -> dict[str, ClipResult]:
    """Return the results of all shards by their keys, the newest of each."""
    results: dict[str, ClipResult] = {}
    for path in sorted((out_dir / _FOLDER).glob("*.jsonl"), key=lambda p: p.stat().st_mtime_ns):
        results.update((result.key, result) for result in _read(path))
    return results


def _read(path: Path) -> Iterator[ClipResult]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                yield ClipResult.from_dict(json.loads(line))
            except (ValueError, TypeError, KeyError):
                continue  # Half a line, of a run that was killed: its clip is prepared again.
