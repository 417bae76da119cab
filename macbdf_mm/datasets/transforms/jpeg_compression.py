"""What storing pictures as JPEG does to the frames of a clip."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from macbdf_mm.datasets.transforms.argument_checks import check_probability, check_range
from macbdf_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class JPEGCompression:
    """Take all frames through JPEG at one random quality.

    Required keys: imgs, T frames (H, W, 3), RGB, uint8. Modified keys: imgs.

    Args:
        quality: Lowest and highest quality, in [1, 100].
        probability: How often anything is changed.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(self, quality: tuple[int, int] = (30, 95), probability: float = 0.5) -> None:
        check_range("quality", quality, 1, 100)
        check_probability("probability", probability)
        self.quality, self.probability = quality, probability

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``results`` with the frames as they come out of JPEG."""
        if np.random.random() < self.probability:
            quality = int(np.random.randint(self.quality[0], self.quality[1] + 1))
            results["imgs"] = [through_jpeg(image, quality) for image in results["imgs"]]
        return results


def through_jpeg(image: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    """Return an RGB picture (H, W, 3) after libjpeg's compression at a quality in [1, 100]."""
    blue_first = np.ascontiguousarray(image[..., ::-1])
    _, data = cv2.imencode(".jpg", blue_first, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(np.asarray(decoded, np.uint8)[..., ::-1])
