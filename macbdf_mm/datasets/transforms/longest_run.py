"""The longest stretch without a hole."""

import numpy as np
import numpy.typing as npt


def longest_run(valid: npt.ArrayLike) -> tuple[int, int]:
    """Return first and last-plus-one index of the longest run of true values.

    The first of equally long ones; (0, 0) if there is none.

    Args:
        valid: Shape (N,).
    """
    padded = np.concatenate([[False], np.asarray(valid, np.bool_), [False]]).astype(np.int8)
    steps = np.diff(padded)
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    if not len(starts):
        return 0, 0
    best = int(np.argmax(ends - starts))
    return int(starts[best]), int(ends[best])
