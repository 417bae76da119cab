"""P(fake) and its logit."""

from typing import Any

import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ArgumentError

SMALLEST = 2.0**-24
"""Scores are kept this far from 0 and 1 before a logarithm.

No float32 below 1 is closer to it, so a saturated score costs what the most certain score that can
be written costs, and not infinitely much.
"""


def checked_probabilities(scores: Any) -> npt.NDArray[np.float64]:
    """Return scores as float64, of the same shape.

    Raises:
        ValueError: If one lies outside [0, 1]; the message says its index.
    """
    scores = np.asarray(scores, dtype=np.float64)
    is_outside = (scores < 0) | (scores > 1)
    if is_outside.any():
        index = int(np.argmax(is_outside))
        raise ArgumentError(
            f"Expected `scores` to be P(fake) in [0, 1], got {scores.flat[index]:.6g} at index "
            f"{index}; calibrate raw scores first."
        )
    return scores


def log_odds(scores: Any) -> npt.NDArray[np.float64]:
    """Return the logits of P(fake), of the same shape, NaN where it is NaN.

    Scores of 0 and 1 are read as 2**-24 from them, which is a logit of 16.6.

    Raises:
        ValueError: If one lies outside [0, 1].
    """
    scores = np.clip(checked_probabilities(scores), SMALLEST, 1 - SMALLEST)
    return np.log(scores) - np.log1p(-scores)


def from_log_odds(logits: Any) -> npt.NDArray[np.float64]:
    """Return P(fake) of logits, of the same shape, NaN where it is NaN."""
    logits = np.asarray(logits, dtype=np.float64)
    small = np.exp(-np.abs(logits))  # never overflows
    return np.where(logits >= 0, 1.0, small) / (1 + small)
