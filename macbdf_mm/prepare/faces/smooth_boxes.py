"""Taking the detector's trembling out of a track."""

import numpy as np
import numpy.typing as npt

# Farther neighbours weigh less than a millionth.
_NUM_DEVIATIONS = 5.5


def smooth_boxes(
    times_seconds: npt.NDArray[np.float64], boxes: npt.NDArray[np.float64], scale_seconds: float
) -> npt.NDArray[np.float64]:
    """Return the boxes smoothed over time, same shape.

    Local linear regression with Gaussian weights (Fan, 1992): steady motion is kept exactly,
    also at the ends and over gaps, where a moving average would lag behind.

    Args:
        times_seconds: Ascending, shape (N,).
        boxes: Shape (N, 4).
        scale_seconds: Standard deviation of the weights; 0 leaves the boxes as they are.

    Raises:
        ValueError: If ``scale_seconds`` is negative.
    """
    if scale_seconds < 0:
        raise ValueError(f"Expected `scale_seconds` >= 0, got {scale_seconds}.")
    if scale_seconds == 0 or len(times_seconds) < 3:
        return boxes
    reach = _NUM_DEVIATIONS * scale_seconds
    firsts = np.searchsorted(times_seconds, times_seconds - reach)
    lasts = np.searchsorted(times_seconds, times_seconds + reach, side="right")
    smooth = boxes.copy()
    for index, (first, last) in enumerate(zip(firsts, lasts, strict=True)):
        offsets = times_seconds[first:last] - times_seconds[index]
        weights = np.exp(-0.5 * (offsets / scale_seconds) ** 2)
        # The fitted line's value at offset 0, from the weighted moments of the offsets.
        zeroth, moment, spread = weights.sum(), weights @ offsets, weights @ offsets**2
        determinant = zeroth * spread - moment**2
        # A moment far from all others has no neighbours to draw a line through.
        if determinant > 1e-12 * zeroth * scale_seconds**2:
            share = weights * (spread - moment * offsets) / determinant
            smooth[index] = share @ boxes[first:last]
    return smooth
