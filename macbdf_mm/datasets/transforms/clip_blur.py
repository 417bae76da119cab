"""Loss of focus."""

from typing import Any

import cv2
import numpy as np

from macbdf_mm.datasets.transforms.argument_checks import check_probability, check_range
from macbdf_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ClipBlur:
    """Blur all frames by the same random Gaussian.

    Required keys: imgs, T frames (H, W, 3), RGB, uint8. Modified keys: imgs.

    Args:
        sigma: Smallest and largest standard deviation, in pixels.
        probability: How often anything is changed.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(self, sigma: tuple[float, float] = (0.3, 2.0), probability: float = 0.3) -> None:
        # Below this, cv2 would choose a deviation of its own.
        check_range("sigma", sigma, 0.05, 50)
        check_probability("probability", probability)
        self.sigma, self.probability = sigma, probability

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``results`` with the frames out of focus."""
        if np.random.random() < self.probability:
            sigma = float(np.random.uniform(*self.sigma))
            results["imgs"] = [cv2.GaussianBlur(i, (0, 0), sigma) for i in results["imgs"]]
        return results
