"""Training on clips that begin or end with nothing to be seen or heard."""

from typing import Any

import numpy as np

from macbdf_mm.datasets.transforms.random_change import (
    RandomChange,
    check_bounds,
    check_probability,
    check_range,
)
from macbdf_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class BlankStart(RandomChange):
    """Make the beginning or the end of some clips black or still, silent, or both.

    As files have it that were cut in an editor, faded in, or padded. Labels and masks stay as
    they are, and real and fake clips are changed alike, so the model learns that this tells
    nothing. Comes after decoding; after ``ForgeRealClip``, where that is used.

    Required keys: imgs, T frames (H, W, 3), uint8; waveform (S,). Modified keys: these.

    Args:
        probability: How often a clip is changed.
        share: Shortest and longest stretch, as a share of the clip.
        both_probability: How often both tracks are changed in the same stretch; else one of the
            two, at random.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        probability: float = 0.15,
        share: tuple[float, float] = (0.1, 0.5),
        both_probability: float = 0.5,
    ) -> None:
        super().__init__(probability)
        check_range("share", share, 0, 1)
        check_bounds("share[1]", share[1], 0, 0.9)
        check_probability("both_probability", both_probability)
        self.share = share
        self.both_probability = both_probability

    def change(self, results: dict[str, Any]) -> None:
        """Replace frames or samples of one end."""
        share = np.random.uniform(*self.share)
        is_start = np.random.random() < 0.5
        is_both = np.random.random() < self.both_probability
        is_video, is_frozen = np.random.random(2) < 0.5
        if is_both or is_video:
            frames = list(results["imgs"])
            count = min(len(frames) - 1, max(1, round(share * len(frames))))
            first = 0 if is_start else len(frames) - count
            # The picture that the stretch borders on stands still.
            still = frames[count] if is_start else frames[first - 1]
            picture = still if is_frozen else np.zeros_like(still)
            frames[first : first + count] = [picture.copy() for _ in range(count)]
            results["imgs"] = frames
        if is_both or not is_video:
            waveform = results["waveform"].copy()
            count = round(share * len(waveform))
            waveform[: count if is_start else 0] = 0
            waveform[len(waveform) if is_start else len(waveform) - count :] = 0
            results["waveform"] = waveform
