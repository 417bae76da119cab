"""Slow random curves: head motion, exposure, flicker, pitch drift."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d


def draw_smooth_noise(
    rng: np.random.Generator, num_steps: int, smoothness_steps: float, num_curves: int = 1
) -> npt.NDArray[np.float32]:
    """Return random curves of about unit variance, float32, shape (num_curves, num_steps).

    Args:
        rng: Where the randomness comes from.
        num_steps: Length of each curve.
        smoothness_steps: Standard deviation, in steps, of the Gaussian that smooths white
            noise; 0 leaves it white.
        num_curves: How many independent curves.
    """
    # Drawn wider than needed, so that the ends are as random as the middle.
    margin = int(np.ceil(3 * smoothness_steps))
    white = rng.standard_normal((num_curves, num_steps + 2 * margin))
    if smoothness_steps > 0:
        # White noise loses variance by 1 / (2 sigma sqrt(pi)) under a Gaussian of sigma.
        gain = np.sqrt(max(1.0, 2 * smoothness_steps * np.sqrt(np.pi)))
        white = gain * gaussian_filter1d(white, smoothness_steps, axis=1, mode="nearest")
    return white[:, margin : margin + num_steps].astype(np.float32)
