"""The noise of a camera in the dark."""

from typing import Any

import numpy as np

from macbdf_mm.datasets.transforms.argument_checks import check_probability, check_range
from macbdf_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ClipNoise:
    """Add Gaussian noise of one random level, fresh in every frame.

    Frames that do not exist stay black.

    Required keys: imgs, T frames (H, W, 3), RGB, uint8; video_valid (T,). Modified keys: imgs.

    Args:
        std: Smallest and largest standard deviation, in grey levels of 255.
        probability: How often anything is changed.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(self, std: tuple[float, float] = (1.0, 10.0), probability: float = 0.3) -> None:
        check_range("std", std, 0, 255)
        check_probability("probability", probability)
        self.std, self.probability = std, probability

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``results`` with noise in the frames."""
        if np.random.random() < self.probability:
            level = np.float32(np.random.uniform(*self.std))
            # Three times as fast as numpy's older generator, which seeds it.
            rng = np.random.default_rng(np.random.randint(0, 2**31, size=4))
            noisy = []
            for image, valid in zip(results["imgs"], results["video_valid"], strict=True):
                noise = level * rng.standard_normal(image.shape, dtype=np.float32)
                changed = np.rint(image + noise).clip(0, 255).astype(np.uint8)
                noisy.append(changed if valid else image)
            results["imgs"] = noisy
        return results
