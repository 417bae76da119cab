"""Showing how far long work is: one line in a terminal, some lines in a log."""

import sys
import time
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TextIO

import rich.progress
from rich.console import Console

from macbdf_mm.utils.jobs import Result

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is, and how much there is in all."""

_LOG_SECONDS = 10.0


class ProgressLine:
    """Prints ``what finished/total`` with the rate and the time left.

    A terminal has one line with a bar, drawn by rich; a log gets a line every ten seconds, the
    first and the last.

    Args:
        unit: What is counted, as in ``clips``.
        stream: Where to print; standard error by default.
    """

    def __init__(self, unit: str, stream: TextIO | None = None) -> None:
        self.unit = unit
        self.stream = stream or sys.stderr
        self._what: str | None = None
        self._first = 0
        self._begin = self._shown_at = 0.0
        self._draw: Callable[[str, int, int], None] | None = None

    def __call__(self, what: str, finished: int, total: int) -> None:
        """Show that ``finished`` of ``total`` are done of ``what``."""
        now = time.monotonic()
        if what != self._what:
            self._what, self._first, self._begin = what, finished, now
            self._shown_at = float("-inf")
            self._draw = _bar(self, self.stream) if self.stream.isatty() else None
        text = f"{what}: {finished}/{total} {self.unit}{self._pace(finished, total, now)}"
        if self._draw is not None:
            self._draw(text, finished, total)
        elif finished >= total or now - self._shown_at >= _LOG_SECONDS:
            self._shown_at = now
            self.stream.write(text + "\n")
            self.stream.flush()

    def _pace(self, finished: int, total: int, now: float) -> str:
        done, seconds = finished - self._first, now - self._begin
        if done <= 0 or seconds <= 0:
            return f" ({self._first} known already)" if self._first else ""
        if finished >= total:
            return f" in {seconds:.0f} s"
        return f", {done / seconds:.3g}/s, about {(total - finished) * seconds / done:.0f} s left"


def with_progress(
    results: Iterable[Result], what: str, total: int, progress: Progress
) -> Iterator[Result]:
    """Yield the results, and tell after each how many there are.

    What was known is told once, with the first result that was not: how fast the work goes must
    not be judged by it.
    """
    finished = 0
    is_told = False
    try:
        for result in results:
            if not (result.is_known or is_told):
                is_told = True
                progress(what, finished, total)
            finished += 1
            if is_told:
                progress(what, finished, total)
            yield result
        if not is_told:
            progress(what, finished, total)
    finally:
        # An error's traceback holds this frame: the processes would live as long as it.
        if isinstance(results, Generator):
            results.close()


def _bar(owner: ProgressLine, stream: TextIO) -> Callable[[str, int, int], None]:
    """Return what draws a text and a bar into a terminal, and leaves the last of them there."""
    # Rich would take brackets in a file's name for its own markup.
    text = rich.progress.TextColumn("{task.description}", markup=False)
    bar = rich.progress.Progress(text, rich.progress.BarColumn(), console=Console(file=stream))
    task = bar.add_task("", total=None)
    bar.start()
    # Whatever happens to the work, the terminal gets its cursor back.
    stop = weakref.finalize(owner, bar.stop)

    def draw(text: str, finished: int, total: int) -> None:
        bar.update(task, description=text, completed=finished, total=total)
        if finished >= total:
            stop()

    return draw
