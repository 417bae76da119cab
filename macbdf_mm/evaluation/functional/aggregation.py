"""One score for a video from the scores of its windows; test and prediction share it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ArgumentError

DEFAULT_AGGREGATION = "top_quarter_mean"


def _top_quarter_mean(scores: npt.NDArray[np.float64]) -> float:
    count = -(-len(scores) // 4)
    return float(np.sort(scores)[-count:].mean())


# A forgery may fill only a part of a video, so that a mean over all windows would hide it;
# the maximum alone would follow a single outlier in a long real video.
AGGREGATIONS: dict[str, Callable[[npt.NDArray[np.float64]], float]] = {
    "top_quarter_mean": _top_quarter_mean,
    "max": lambda scores: float(scores.max()),
    "mean": lambda scores: float(scores.mean()),
}


def aggregate_windows(
    scores: Sequence[float] | npt.NDArray[Any], method: str = DEFAULT_AGGREGATION
) -> float:
    """Return the score of a video, NaN if no window has one.

    Args:
        scores: P(fake) of each window, shape (N,); NaN where the track was not seen.
        method: ``'top_quarter_mean'`` (mean of the ceil(N / 4) highest), ``'max'`` or
            ``'mean'``, over the windows that are not NaN.

    Raises:
        ValueError: If the method has no such name, or ``scores`` is not one-dimensional.
    """
    if method not in AGGREGATIONS:
        raise ArgumentError(f"Expected `method` in {sorted(AGGREGATIONS)}, got {method!r}.")
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1:
        raise ArgumentError(f"Expected `scores` of shape (N,), got {values.shape}.")
    values = values[~np.isnan(values)]
    return AGGREGATIONS[method](values) if values.size else float("nan")
