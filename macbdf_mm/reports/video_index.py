"""The list of all scored files with links to their pages, the highest scores first."""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any
from urllib.parse import quote

from macbdf_mm.reports.page import write_page
from macbdf_mm.reports.verdict_words import sentence_of, verdict_of
from macbdf_mm.structures.labels import TRACKS
from macbdf_mm.utils.counted import counted
from macbdf_mm.utils.shard import WHOLE, Shard
from macbdf_mm.utils.tables import printable

ROWS_PER_PAGE = 1000


class VideoIndex:
    """Collects predictions and writes the index when the block ends; a context manager.

    The rows wait in a temporary data base on disk, so memory does not grow with their number. The
    index is written also if the block raises, and says that the run was stopped.

    Args:
        folder: Of the pages. The index is ``index.html`` and, beyond 1000 files, ``index-2.html``
            and so on; that of a shard ``index.2-of-8.html``.
        shard: The part of the files that this process scores.
        caveats: Of all scores.
    """

    def __init__(self, folder: Path, shard: Shard = WHOLE, caveats: Sequence[str] = ()) -> None:
        self._folder = folder
        self._stem = "index" if shard == WHOLE else f"index.{shard.index}-of-{shard.count}"
        self._caveats = [sentence_of(caveat) for caveat in caveats]
        self._temporary = TemporaryDirectory(prefix="macbdf_")
        self._rows = sqlite3.connect(Path(self._temporary.name) / "rows.db", isolation_level=None)
        self._rows.execute("PRAGMA journal_mode=OFF")
        self._rows.execute("PRAGMA synchronous=OFF")
        self._rows.execute(
            "CREATE TABLE rows (file BLOB PRIMARY KEY, rank, score, name, sign, verdict, "
            "overall, video, audio, page, annotated)"
        )

    def add(self, prediction: Mapping[str, Any], page: str, annotated: str | None = None) -> None:
        """Add a file; one that is there already is replaced.

        Args:
            prediction: As ``Prediction.to_json()`` returns it.
            page: Path of its page from the folder.
            annotated: Path of its annotated video from the folder; None without one.
        """
        verdict = verdict_of(prediction)
        score = prediction["scores"]["overall"]
        rank = 2 if prediction["status"] == "error" else int(score is None)
        scores = [prediction["scores"][track] for track in TRACKS]
        cells = [None if value is None else f"{value:.2f}" for value in scores]
        file = prediction["file"].encode("utf-8", errors="surrogateescape")
        self._rows.execute(
            "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(file, rank, -(score or 0.0), printable(prediction["file"])),
                *(verdict.sign, verdict.headline, *cells, _link(page)),
                None if annotated is None else _link(annotated),
            ),
        )

    @property
    def path(self) -> Path:
        """Where the index begins."""
        return self._folder / self._name(1)

    def __enter__(self) -> "VideoIndex":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._write(is_stopped=error is not None)
        finally:
            self._rows.close()
            self._temporary.cleanup()

    def _write(self, is_stopped: bool) -> None:
        [[total]] = self._rows.execute("SELECT COUNT(*) FROM rows")
        num_pages = max(1, -(-total // ROWS_PER_PAGE))
        pages = self._pages()
        for number in range(1, num_pages + 1):
            write_page(
                self._folder / self._name(number),
                "video_index.html.j2",
                title="Scored files",
                total=counted(total, "file"),
                rows=next(pages, []),
                is_stopped=is_stopped,
                caveats=self._caveats,
                number=number,
                num_pages=num_pages,
                names=[self._name(n) for n in range(1, num_pages + 1)],
            )
        # Of an earlier run with more files.
        while (stale := self._folder / self._name(num_pages + 1)).exists():
            stale.unlink()
            num_pages += 1

    def _pages(self) -> Iterator[list[dict[str, Any]]]:
        rows = self._rows.execute(
            "SELECT name, sign, verdict, overall, video, audio, page, annotated FROM rows "
            "ORDER BY rank, score, file"
        )
        names = [column[0] for column in rows.description]
        while chunk := rows.fetchmany(ROWS_PER_PAGE):
            yield [dict(zip(names, row, strict=True)) for row in chunk]

    def _name(self, number: int) -> str:
        return f"{self._stem}.html" if number == 1 else f"{self._stem}-{number}.html"


def _link(path: str) -> str:
    """Return a path as a link; folders, too, may have names that are no text."""
    return quote(os.fsencode(path))
