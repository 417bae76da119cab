"""Planning the windows in which a video is looked at."""

import math
from collections.abc import Sequence

from macbdf_mm.errors import ArgumentError
from macbdf_mm.media.limits import check_windows
from macbdf_mm.structures.intervals import Interval

# The last window starts at a multiple of this share of a window.
_FINE_STEPS = 16
# Lengths are mostly multiples of 40 ms, which for windows of 0.64 and 1.28 s lie at 0 or 1/2 of a
# step: a length that is off by a few milliseconds rounds to the same step.
_ROUNDED_UP_FROM = 0.75


def plan_windows(
    duration_seconds: float,
    span_seconds: float,
    *,
    stride_seconds: float | None = None,
    num_windows: int | None = None,
) -> list[Interval]:
    """Return windows ``(start, end)`` of ``span_seconds`` each, ascending, over a video.

    A video shorter than a window has one, ``(0, span_seconds)``; its end is then masked.

    Args:
        duration_seconds: Length of the video.
        span_seconds: Length of a window.
        stride_seconds: A fixed grid: windows start at 0 and at each multiple of this, wherever
            the video ends. One more covers the end; it starts at a multiple of 1/16 of a
            window, so a length that is off by milliseconds moves no window. Up to 3/4 of such a
            step may remain at the end, which is less than one of 16 frames stands for.
        num_windows: Or: how many windows, evenly placed from start to end; one stands in the
            middle. Windows that would coincide are given once.

    Raises:
        ValueError: If a length is not positive, or not exactly one of ``stride_seconds`` and
            ``num_windows`` is given.
        UndecodableMediaError: If there would be more windows than the limit.
    """
    for name, value in (("duration_seconds", duration_seconds), ("span_seconds", span_seconds)):
        if not value > 0 or not math.isfinite(value):
            raise ArgumentError(f"Expected `{name}` > 0, got {value}.")
    if (stride_seconds is None) == (num_windows is None):
        raise ArgumentError(
            "Expected one of `stride_seconds` and `num_windows`, "
            f"got {stride_seconds} and {num_windows}."
        )
    last_start = duration_seconds - span_seconds
    if last_start <= 0:
        return [(0.0, span_seconds)]
    if stride_seconds is not None:
        starts = _grid_starts(last_start, span_seconds, stride_seconds)
    else:
        starts = _even_starts(last_start, num_windows or 0)
    return [(start, start + span_seconds) for start in starts]


def following_spans(spans: Sequence[Interval], number: int) -> list[Interval]:
    """Return the spans that come after the first ``number``, up to one behind the last of these.

    They are what a reader that decodes each picture once has to know of what comes.
    """
    following: list[Interval] = []
    for index in range(number, len(spans)):
        following.append(spans[index])
        if spans[index][0] >= spans[number - 1][1]:
            break
    return following


def _grid_starts(last_start: float, span_seconds: float, stride_seconds: float) -> list[float]:
    if not stride_seconds > 0:
        raise ArgumentError(f"Expected `stride_seconds` > 0, got {stride_seconds}.")
    step = span_seconds / _FINE_STEPS
    last_start = math.floor(last_start / step + 1 - _ROUNDED_UP_FROM + 1e-9) * step
    if last_start == 0:
        return [0.0]
    check_windows(last_start / stride_seconds)
    num_before = max(1, math.ceil(last_start / stride_seconds - 1e-6))
    return [0.0, *(index * stride_seconds for index in range(1, num_before)), last_start]


def _even_starts(last_start: float, num_windows: int) -> list[float]:
    if num_windows < 1:
        raise ArgumentError(f"Expected `num_windows` > 0, got {num_windows}.")
    check_windows(num_windows)
    if num_windows == 1:
        return [last_start / 2]
    return [index * last_start / (num_windows - 1) for index in range(num_windows)]
