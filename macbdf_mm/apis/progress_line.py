"""Showing how far long work is: one line in a terminal, some lines in a log."""

import sys
import time
from typing import TextIO

_TERMINAL_SECONDS = 0.2
_LOG_SECONDS = 10.0


class ProgressLine:
    """Prints ``what finished/total`` with the rate, not more often than can be read.

    A terminal's line is rewritten; a log gets a line every ten seconds, the first and the last.

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

    def __call__(self, what: str, finished: int, total: int) -> None:
        """Show that ``finished`` of ``total`` are done of ``what``."""
        now = time.monotonic()
        if what != self._what:
            self._what, self._first, self._begin = what, finished, now
            self._shown_at = float("-inf")
        is_terminal = self.stream.isatty()
        pause = _TERMINAL_SECONDS if is_terminal else _LOG_SECONDS
        if finished < total and now - self._shown_at < pause:
            return
        self._shown_at = now
        text = f"{what}: {finished}/{total} {self.unit}{self._pace(finished, total, now)}"
        if is_terminal:
            self.stream.write(f"\r\x1b[K{text}" + ("\n" if finished >= total else ""))
        else:
            self.stream.write(text + "\n")
        self.stream.flush()

    def _pace(self, finished: int, total: int, now: float) -> str:
        done, seconds = finished - self._first, now - self._begin
        if done <= 0:
            return f" ({self._first} known already)" if self._first else ""
        if finished >= total:
            return f" in {seconds:.0f} s"
        return f", about {(total - finished) * seconds / done:.0f} s left"
