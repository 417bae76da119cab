"""Changing brightness, contrast and saturation alike in all frames of a clip."""

from typing import Any

import numpy as np
import numpy.typing as npt

from macbdf_mm.registry import TRANSFORMS

# Weights of red, green and blue in the luma of ITU-R BT.601.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@TRANSFORMS.register_module()
class ClipColorJitter:
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
        for name, value in (
            ("brightness", brightness),
            ("contrast", contrast),
            ("saturation", saturation),
            ("probability", probability),
        ):
            if not 0 <= value <= 1:
                raise ValueError(f"Expected `{name}` in [0, 1], got {value}.")
        self.ranges = (brightness, contrast, saturation)
        self.probability = probability

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``results`` with the frames in other colours."""
        if np.random.random() < self.probability:
            factors = [float(np.random.uniform(1 - r, 1 + r)) for r in self.ranges]
            results["imgs"] = list(jitter_colors(np.stack(results["imgs"]), *factors))
        return results


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
