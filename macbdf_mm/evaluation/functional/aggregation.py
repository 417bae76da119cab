"""One score for a video from the scores of its windows; test and prediction share it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.functional.real_windows import RealWindows

DEFAULT_AGGREGATION = "simes"


def _top_quarter_mean(scores: npt.NDArray[np.float64], real: RealWindows) -> float:
    count = -(-len(scores) // 4)
    return float(np.sort(scores)[-count:].mean())


# A threshold holds for any length with `simes` alone: a mean over all windows hides a short
# forgery, and the maximum of many windows of a long real video is high.
AGGREGATIONS: dict[str, Callable[[npt.NDArray[np.float64], RealWindows], float]] = {
    "simes": lambda scores, real: real.file_score(scores),
    "top_quarter_mean": _top_quarter_mean,
    "max": lambda scores, real: float(scores.max()),
    "mean": lambda scores, real: float(scores.mean()),
}


def aggregate_windows(
    scores: Sequence[float] | npt.NDArray[Any],
    method: str = DEFAULT_AGGREGATION,
    real_windows: RealWindows | None = None,
) -> float:
    """Return the score of a video, NaN if no window has one.

    Args:
        scores: P(fake) of each window in the order of time, shape (N,); NaN where the track was
            not seen.
        method: ``'simes'`` (the score that one real group of windows exceeds as rarely as all
            groups of these are met together, see
            :class:`~macbdf_mm.evaluation.functional.real_windows.RealWindows`),
            ``'top_quarter_mean'`` (mean of the ceil(N / 4) highest), ``'max'`` or ``'mean'``,
            over the windows that are not NaN.
        real_windows: How the scores of real windows are distributed, for ``'simes'``; None:
            uniformly.

    Raises:
        ValueError: If the method has no such name, or ``scores`` is not one-dimensional.
    """
    if method not in AGGREGATIONS:
        raise ArgumentError(f"Expected `method` in {sorted(AGGREGATIONS)}, got {method!r}.")
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1:
        raise ArgumentError(f"Expected `scores` of shape (N,), got {values.shape}.")
    values = values[~np.isnan(values)]
    if not values.size:
        return float("nan")
    return AGGREGATIONS[method](values, real_windows or RealWindows.unfitted())
