"""The time axis of a page: places in percent, ticks at round times, times in words."""

from dataclasses import dataclass

_STEPS_SECONDS = (0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_MAX_TICKS = 6


@dataclass(frozen=True)
class Axis:
    """The time from the start of a file to its end."""

    duration_seconds: float

    def percent(self, seconds: float) -> float:
        """Return where a moment lies, in percent of the axis."""
        share = seconds / self.duration_seconds if self.duration_seconds else 0.0
        return round(100 * min(1.0, max(0.0, share)), 2)

    @property
    def words(self) -> str:
        """The length in words, empty if it is not known."""
        return f"Length: {clock_text(self.duration_seconds)}" if self.duration_seconds else ""

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Up to seven round times: percent and words."""
        fitting = [s for s in _STEPS_SECONDS if self.duration_seconds / s <= _MAX_TICKS]
        step = fitting[0] if fitting else self.duration_seconds / _MAX_TICKS
        times = [k * step for k in range(int(self.duration_seconds / step) + 1)]
        return [(self.percent(time), clock_text(time, 0 if step >= 1 else 1)) for time in times]


def clock_text(seconds: float, digits: int = 1) -> str:
    """Return a moment in words: ``3.2 s``, ``2:05.0``, ``1:02:05.0``.

    Args:
        seconds: Since the start of the file.
        digits: After the point.
    """
    if seconds < 60 - 0.5 * 10**-digits:
        return f"{seconds:.{digits}f} s"
    # Rounded first: 119.96 s are 2:00.0 and not 1:60.0.
    total = round(seconds, digits)
    hours, rest = divmod(total, 3600)
    minutes, rest = divmod(rest, 60)
    width = 3 + digits if digits else 2
    tail = f"{rest:0{width}.{digits}f}"
    return f"{hours:.0f}:{minutes:02.0f}:{tail}" if hours else f"{minutes:.0f}:{tail}"


def span_text(start: float, end: float) -> str:
    """Return an interval in words."""
    first, last = clock_text(start), clock_text(end)
    if first.endswith(" s") and last.endswith(" s"):
        first = first.removesuffix(" s")
    return f"{first} to {last}"
