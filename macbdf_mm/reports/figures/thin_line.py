"""Long lines with as many points as a picture can show."""

from typing import Any

import numpy as np

from macbdf_mm.evaluation.functional.weighted_clips import Floats

MAX_POINTS = 4000


def thin_line(x: Any, y: Any, max_points: int = MAX_POINTS) -> tuple[Floats, Floats]:
    """Return a line with at most so many of its points, evenly spaced along it, and both its ends.

    A curve over a million clips has as many points, which takes long to draw and can be more than
    matplotlib's renderer takes.

    Args:
        x: (N,).
        y: (N,).
        max_points: At least 2.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.size <= max_points:
        return x, y
    # By the way along the line, so that a steep part keeps its points.
    way = np.cumsum(np.abs(np.diff(x, prepend=x[0])) + np.abs(np.diff(y, prepend=y[0])))
    kept = np.searchsorted(way, np.linspace(0, way[-1], max_points))
    kept = np.unique(np.append(kept, [0, x.size - 1]))[-max_points:]
    kept[0] = 0
    return x[kept], y[kept]
