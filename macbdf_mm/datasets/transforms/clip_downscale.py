"""What a smaller copy of a video has lost."""

from typing import Any

import cv2
import numpy as np

from macbdf_mm.datasets.transforms.argument_checks import check_probability, check_range
from macbdf_mm.registry import TRANSFORMS

_ENLARGERS = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC)


@TRANSFORMS.register_module()
class ClipDownscale:
    """Scale all frames down by the same random factor, and up again to their size.

    How they are enlarged (nearest, linear or cubic) is random too.

    Required keys: imgs, T frames (H, W, 3), RGB, uint8. Modified keys: imgs.

    Args:
        scale: Smallest and largest factor, in (0, 1].
        probability: How often anything is changed.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(self, scale: tuple[float, float] = (0.3, 0.9), probability: float = 0.3) -> None:
        check_range("scale", scale, 0.01, 1)
        check_probability("probability", probability)
        self.scale, self.probability = scale, probability

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``results`` with frames that have lost detail."""
        if np.random.random() < self.probability:
            factor = float(np.random.uniform(*self.scale))
            enlarger = _ENLARGERS[np.random.randint(len(_ENLARGERS))]
            height, width = results["imgs"][0].shape[:2]
            small = max(1, round(width * factor)), max(1, round(height * factor))
            results["imgs"] = [
                cv2.resize(
                    cv2.resize(image, small, interpolation=cv2.INTER_AREA),
                    (width, height),
                    interpolation=enlarger,
                )
                for image in results["imgs"]
            ]
        return results
