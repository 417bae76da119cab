"""What a bad line does to the frames of a clip: some never arrive."""

from typing import Any

import numpy as np

from macbdf_mm.datasets.transforms.random_change import RandomChange, check_range
from macbdf_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class DropFrames(RandomChange):
    """Lose a random share of the frames; in place of each, the last one that arrived is shown.

    The first frame always arrives. Timing, sound and labels stay.

    Required keys: imgs, T frames (H, W, 3); video_valid (T,). Modified keys: imgs.

    Args:
        share: Smallest and largest share of the frames that are lost.
        probability: How often anything is changed.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(self, share: tuple[float, float] = (0.05, 0.3), probability: float = 0.3) -> None:
        super().__init__(probability)
        check_range("share", share, 0, 1)
        self.share = share

    def change(self, results: dict[str, Any]) -> None:
        """Show earlier frames in place of the lost ones."""
        is_lost = np.random.random(len(results["imgs"])) < np.random.uniform(*self.share)
        shown: list[Any] = []
        for image, valid, lost in zip(
            results["imgs"], results["video_valid"], is_lost, strict=True
        ):
            if valid and lost and shown:
                image = shown[-1]
            shown.append(image)
        results["imgs"] = shown
