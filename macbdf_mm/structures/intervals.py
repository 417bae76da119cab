"""Half-open intervals ``[start, end)`` in seconds, and the labels that follow from them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ArgumentError
from macbdf_mm.structures.labels import FAKE, REAL

Interval = tuple[float, float]

# A sampled span is fake only if it overlaps a forgery by at least this much.
MIN_FAKE_OVERLAP_SECONDS = 0.1
# A step is fake if at least this share of it is.
MIN_FAKE_STEP_SHARE = 0.5
# Sums of decimal seconds miss their exact value by a few ulp; this is far below a sample.
_TOLERANCE_SECONDS = 1e-9


def overlap_seconds(a: Interval, b: Interval) -> float:
    """Return how many seconds two intervals share, 0 if they do not meet."""
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0]))


def merge_intervals(intervals: Sequence[Interval]) -> list[Interval]:
    """Return the union of the intervals: sorted, disjoint, touching ones joined."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def fake_intervals(
    label: int, intervals: Sequence[Interval], duration_seconds: float
) -> list[Interval]:
    """Return where a track is fake; a fake track without intervals is so from end to end."""
    if label != FAKE:
        return []
    return list(intervals) or [(0.0, duration_seconds)]


def span_label(track_label: int, intervals: Sequence[Interval], span: Interval) -> int:
    """Return the label of the part of a track that lies in ``span``.

    Args:
        track_label: Label of the whole track: 1 fake, 0 real, -1 unknown.
        intervals: Where the track is fake, in seconds. Empty with label 1: everywhere.
        span: The sampled span in seconds, on the same clock.

    Returns:
        Fake if the span overlaps a fake interval by at least 0.1 s, else the real label; an
        unknown track stays unknown.
    """
    if track_label != FAKE or not intervals:
        return track_label
    longest = max(overlap_seconds(span, interval) for interval in merge_intervals(intervals))
    # A span shorter than the threshold can still be fake from end to end.
    needed = min(MIN_FAKE_OVERLAP_SECONDS, span[1] - span[0])
    return FAKE if longest >= needed - _TOLERANCE_SECONDS and longest > 0 else REAL


def step_labels(
    track_label: int, intervals: Sequence[Interval], span: Interval, num_steps: int
) -> npt.NDArray[np.int64]:
    """Return the labels of ``num_steps`` equal steps of ``span``, shape (num_steps,).

    A step is fake if at least half of it lies in fake intervals. Arguments as in
    :func:`span_label`.

    Raises:
        ValueError: If ``num_steps`` is not positive or the span is empty.
    """
    if num_steps < 1:
        raise ArgumentError(f"Expected `num_steps` > 0, got {num_steps}.")
    start, end = span
    if end <= start:
        raise ArgumentError(f"Expected `span` with end > start, got {span}.")
    if track_label != FAKE:
        return np.full(num_steps, track_label, dtype=np.int64)
    if not intervals:
        return np.full(num_steps, FAKE, dtype=np.int64)
    edges = np.linspace(start, end, num_steps + 1)
    lows, highs = edges[:-1, None], edges[1:, None]
    fakes = np.asarray(merge_intervals(intervals), dtype=np.float64)  # (K, 2)
    shared = np.minimum(highs, fakes[None, :, 1]) - np.maximum(lows, fakes[None, :, 0])
    share = shared.clip(min=0).sum(axis=1) / ((end - start) / num_steps)
    return np.where(share >= MIN_FAKE_STEP_SHARE - 1e-6, FAKE, REAL).astype(np.int64)
