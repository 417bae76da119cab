"""What cameras and copying do to the frames of a clip: blur, noise, scaling, JPEG, colours."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from macbdf_mm.datasets.transforms.random_change import RandomChange, check_bounds, check_range
from macbdf_mm.registry import TRANSFORMS

_ENLARGERS = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC)
# Weights of red, green and blue in the luma of ITU-R BT.601.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@TRANSFORMS.register_module()
class ClipBlur(RandomChange):
    """Blur all frames by the same random Gaussian.

    Required keys: imgs, T frames (H, W, 3), RGB, uint8. Modified keys: imgs.

    Args:
        sigma: Smallest and largest standard deviation, in pixels.
        probability: How often anything is changed.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(self, sigma: tuple[float, float] = (0.3, 2.0), probability: float = 0.3) -> None:
        super().__init__(probability)
        # Below this, cv2 would choose a deviation of its own.
        check_range("sigma", sigma, 0.05, 50)
        self.sigma = sigma

    def change(self, results: dict[str, Any]) -> None:
        """Put the frames out of focus."""
        sigma = float(np.random.uniform(*self.sigma))
        results["imgs"] = [cv2.GaussianBlur(i, (0, 0), sigma) for i in results["imgs"]]


@TRANSFORMS.register_module()
class ClipNoise(RandomChange):
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
        super().__init__(probability)
        check_range("std", std, 0, 255)
        self.std = std

    def change(self, results: dict[str, Any]) -> None:
        """Put noise into the frames."""
        level = np.float32(np.random.uniform(*self.std))
        # Three times as fast as numpy's older generator, which seeds it.
        rng = np.random.default_rng(np.random.randint(0, 2**31, size=4))
        noisy = []
        for image, valid in zip(results["imgs"], results["video_valid"], strict=True):
            noise = level * rng.standard_normal(image.shape, dtype=np.float32)
            changed = np.rint(image + noise).clip(0, 255).astype(np.uint8)
            noisy.append(changed if valid else image)
        results["imgs"] = noisy


@TRANSFORMS.register_module()
class ClipDownscale(RandomChange):
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
        super().__init__(probability)
        check_range("scale", scale, 0.01, 1)
        self.scale = scale

    def change(self, results: dict[str, Any]) -> None:
        """Take detail from the frames."""
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


@TRANSFORMS.register_module()
class JPEGCompression(RandomChange):
    """Compress all frames as JPEG at one random quality.

    Required keys: imgs, T frames (H, W, 3), RGB, uint8. Modified keys: imgs.

    Args:
        quality: Lowest and highest quality, in [1, 100].
        probability: How often anything is changed.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(self, quality: tuple[int, int] = (30, 95), probability: float = 0.5) -> None:
        super().__init__(probability)
        check_range("quality", quality, 1, 100)
        self.quality = quality

    def change(self, results: dict[str, Any]) -> None:
        """Put the frames through JPEG."""
        quality = int(np.random.randint(self.quality[0], self.quality[1] + 1))
        results["imgs"] = [through_jpeg(image, quality) for image in results["imgs"]]


def through_jpeg(image: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    """Return an RGB picture (H, W, 3) after libjpeg's compression at a quality in [1, 100]."""
    blue_first = np.ascontiguousarray(image[..., ::-1])
    _, data = cv2.imencode(".jpg", blue_first, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(np.asarray(decoded, np.uint8)[..., ::-1])


@TRANSFORMS.register_module()
class ClipColorJitter(RandomChange):
    """Change the colours of all frames by the same random factors.

    mmaction2's ColorJitter raises an OverflowError under NumPy 2 in about half of its draws.

    Required keys: imgs, T frames (H, W, 3), RGB, uint8. Modified keys: imgs.

    Args:
        brightness: Largest change b: all values are multiplied by a factor in [1-b, 1+b].
        contrast: The same for the distance to the mean luma of the clip.
        saturation: The same for the distance to each pixel's own luma.
        probability: How often anything is changed.

    Raises:
        ValueError: If an argument is outside of [0, 1].
    """

    def __init__(
        self,
        brightness: float = 0.2,
        contrast: float = 0.2,
        saturation: float = 0.2,
        probability: float = 0.8,
    ) -> None:
        super().__init__(probability)
        check_bounds("brightness", brightness, 0, 1)
        check_bounds("contrast", contrast, 0, 1)
        check_bounds("saturation", saturation, 0, 1)
        self.ranges = (brightness, contrast, saturation)

    def change(self, results: dict[str, Any]) -> None:
        """Give the frames other colours."""
        factors = [float(np.random.uniform(1 - r, 1 + r)) for r in self.ranges]
        results["imgs"] = list(jitter_colors(np.stack(results["imgs"]), *factors))


def jitter_colors(
    frames: npt.NDArray[np.uint8], brightness: float, contrast: float, saturation: float
) -> npt.NDArray[np.uint8]:
    """Return frames (T, H, W, 3), RGB, uint8, with their colours multiplied by the factors."""
    values = frames.astype(np.float32) * brightness
    mean = float((values @ _LUMA).mean())
    values = mean + contrast * (values - mean)
    luma = (values @ _LUMA)[..., None]
    values = luma + saturation * (values - luma)
    return np.rint(values).clip(0, 255).astype(np.uint8)
