"""Windows of a file taken a few at a time, each few as one piece of evidence.

The score of a group is that of its mean odds, mean of p / (1 - p). Odds stand for the likelihood
ratio of fake to real, and their mean is that of "one of these is fake, nobody knows which" to "all
are real": one certain window counts, and so do several likely ones. Neighbouring windows overlap
and are alike, which between groups matters far less.
"""

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from macbdf_mm.evaluation.functional.probabilities import log_odds

Floats = npt.NDArray[np.float64]

GROUP_SIZE = 4
"""Windows of a group, fewer only in a file that has fewer: with half of overlap, those of 2.5
windows' length. Files with up to 7 are one group."""


def group_slices(num_windows: int) -> list[slice]:
    """Return the groups of a file of N > 0 windows, one after the other, of nearly equal sizes."""
    return [slice(start, end) for start, end in pairwise([*_starts(num_windows), num_windows])]


def group_scores(scores: Any) -> Floats:
    """Return the score of each group of a file, P(fake), shape (G,).

    Args:
        scores: P(fake) of its windows in the order of time, shape (N,), N > 0, without NaN.
    """
    odds = np.exp(log_odds(scores))
    starts = _starts(odds.size)
    sizes = np.diff([*starts, odds.size])
    return _from_odds(np.add.reduceat(odds, starts) / sizes)


def run_scores(scores: Any) -> Floats:
    """Return the score of each run of so many windows as a group has, for their distribution.

    Runs overlap: they tell more of a short file than its groups.

    Args:
        scores: As for :func:`group_scores`; a file of fewer windows is one run.
    """
    odds = np.exp(log_odds(scores))
    return _from_odds(sliding_window_view(odds, min(GROUP_SIZE, odds.size)).mean(axis=1))


def _starts(num_windows: int) -> list[int]:
    num_groups = max(1, num_windows // GROUP_SIZE)
    return [index * num_windows // num_groups for index in range(num_groups)]


def _from_odds(odds: Floats) -> Floats:
    # Logits are kept within 17 of 0, so no odds are lost.
    return odds / (1 + odds)
