"""Scores over the whole of a file, as curves of a bounded number of points, and their peaks."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ArgumentError
from macbdf_mm.structures.intervals import Interval, merge_intervals
from macbdf_mm.structures.labels import TRACKS

Curve = npt.NDArray[np.float64]


def score_curve(
    rows: npt.ArrayLike, duration_seconds: float, num_columns: int
) -> npt.NDArray[np.float64]:
    """Return scores over time, one for each of equal parts of a file, (num_columns,).

    At each moment, the score is the mean over the rows that cover it. A column has the highest
    score of its moments, so that a short peak of a long file stays; NaN where no row covers it.

    Args:
        rows: (K, 3): start and end in seconds and a score, NaN where nothing was seen.
        duration_seconds: Length of the file.
        num_columns: How many parts.

    Raises:
        ValueError: If the rows have another shape.
    """
    table = np.asarray(rows, np.float64).reshape(-1, 3) if len(np.asarray(rows)) else None
    curve = np.full(num_columns, np.nan)
    if table is None:
        return curve
    if duration_seconds <= 0:
        raise ArgumentError(f"Expected `duration_seconds` > 0, got {duration_seconds}.")
    table = table[~np.isnan(table[:, 2])]
    if not len(table):
        return curve
    columns = np.linspace(0.0, duration_seconds, num_columns + 1)
    # Between these, neither the column changes nor which rows cover a moment.
    edges = np.unique(np.concatenate([table[:, :2].ravel().clip(0.0, duration_seconds), columns]))
    moments = (edges[:-1] + edges[1:]) / 2
    owners = (np.searchsorted(columns, moments, side="right") - 1).clip(0, num_columns - 1)
    np.fmax.at(curve, owners, _means_at(table, moments))
    return curve


def _means_at(table: Curve, moments: Curve) -> Curve:
    """Return the mean score of the rows that cover each moment, by sums over sorted edges."""
    sums, counts = np.zeros(len(moments)), np.zeros(len(moments))
    for column, sign in ((0, 1), (1, -1)):
        order = np.argsort(table[:, column])
        passed = np.searchsorted(table[order, column], moments, side="right")
        totals = np.concatenate([[0.0], np.cumsum(table[order, 2])])
        sums += sign * totals[passed]
        counts += sign * passed
    means = np.full(len(moments), np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means


def window_rows(windows: Sequence[Sequence[Any]], track: str) -> list[tuple[float, float, float]]:
    """Return start, end and score of a track in each window of a prediction; NaN for none."""
    column = 2 + TRACKS.index(track)
    return [(w[0], w[1], np.nan if w[column] is None else w[column]) for w in windows]


def step_rows(
    windows: Sequence[Sequence[Any]], steps: Sequence[Sequence[float | None]]
) -> list[tuple[float, float, float]]:
    """Return start, end and score of each step of each window; NaN where nothing was seen."""
    rows = []
    for (start, end, *_), scores in zip(windows, steps, strict=True):
        length = (end - start) / max(1, len(scores))
        rows += [
            (start + k * length, start + (k + 1) * length, np.nan if score is None else score)
            for k, score in enumerate(scores)
        ]
    return rows


def gaps_of(rows: Sequence[tuple[float, float, float]], duration_seconds: float) -> list[Interval]:
    """Return the parts of a file that no row with a score covers."""
    covered = merge_intervals([(start, end) for start, end, score in rows if score == score])
    edges = [0.0, *(edge for interval in covered for edge in interval), duration_seconds]
    gaps = zip(edges[::2], edges[1::2], strict=True)
    return [(start, end) for start, end in gaps if end - start > _MIN_GAP_SECONDS]


# Windows end with the file, up to a step of their grid.
_MIN_GAP_SECONDS = 0.1


def find_peaks(
    curves: Mapping[str, Curve], duration_seconds: float, max_peaks: int
) -> list[tuple[float, str, float]]:
    """Return the moments at which the scores are highest, ascending: seconds, track, score.

    The highest of all first, then the highest that is at least an 18th of the file away from those
    that were taken, and so on.

    Args:
        curves: By track, of one length, see :func:`score_curve`.
        duration_seconds: Length of the file.
        max_peaks: How many at most.
    """
    names = list(curves)
    table = np.stack([np.nan_to_num(curves[name], nan=-1.0) for name in names])  # (tracks, M)
    best, owner = table.max(axis=0), table.argmax(axis=0)
    num_columns = len(best)
    reach = max(1, num_columns // 18)
    peaks: list[tuple[float, str, float]] = []
    while len(peaks) < max_peaks and best.max() >= 0:
        top = int(best.argmax())
        # In the middle of what is equally high: steps are several columns wide.
        last = top
        while last + 1 < num_columns and best[last + 1] == best[top]:
            last += 1
        middle = (top + last) // 2
        seconds = (middle + 0.5) * duration_seconds / num_columns
        peaks.append((seconds, names[owner[middle]], float(best[top])))
        best[max(0, min(top, middle - reach)) : max(last, middle + reach) + 1] = -1.0
    return sorted(peaks)
