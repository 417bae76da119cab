"""Planning the windows in which a video is looked at."""

import math

from macbdf_mm.errors import ArgumentError
from macbdf_mm.media.limits import check_windows
from macbdf_mm.structures.intervals import Interval


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
        stride_seconds: From one start to the next; the last window ends with the video.
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
        starts = _strided_starts(last_start, stride_seconds)
    else:
        starts = _even_starts(last_start, num_windows or 0)
    return [(start, start + span_seconds) for start in starts]


def plan_covering_windows(
    duration_seconds: float, span_seconds: float, min_windows: int
) -> list[Interval]:
    """Return evenly placed windows that leave no gap in a video, at least ``min_windows``.

    Where ``min_windows`` cover the video they are those of :func:`plan_windows` with
    ``num_windows``, so that a clip is looked at as in the test; a longer video has more.

    Args:
        duration_seconds: Length of the video.
        span_seconds: Length of a window.
        min_windows: How many there are at least, unless the video is shorter than a window.

    Raises:
        ValueError: As :func:`plan_windows`.
    """
    to_cover = math.ceil(duration_seconds / span_seconds - 1e-3) if span_seconds > 0 else 1
    return plan_windows(duration_seconds, span_seconds, num_windows=max(min_windows, to_cover))


def _strided_starts(last_start: float, stride_seconds: float) -> list[float]:
    if not stride_seconds > 0:
        raise ArgumentError(f"Expected `stride_seconds` > 0, got {stride_seconds}.")
    # A remainder of under a thousandth of a stride is rounding, not a window of its own.
    check_windows(last_start / stride_seconds)
    num_strides = max(1, math.ceil(last_start / stride_seconds - 1e-3))
    return [0.0, *(index * stride_seconds for index in range(1, num_strides)), last_start]


def _even_starts(last_start: float, num_windows: int) -> list[float]:
    if num_windows < 1:
        raise ArgumentError(f"Expected `num_windows` > 0, got {num_windows}.")
    check_windows(num_windows)
    if num_windows == 1:
        return [last_start / 2]
    return [index * last_start / (num_windows - 1) for index in range(num_windows)]
