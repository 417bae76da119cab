"""Training on clips that lack a track."""

from typing import Any

import numpy as np

from macbdf_mm.datasets.transforms.random_change import check_probability
from macbdf_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class DropModality:
    """Remove the frames or the sound of some clips, as if the file lacked them.

    Frames turn black, or samples zero, and not valid. Packing then makes the labels of the
    track unknown, and that of the whole too if only the missing track was fake: nothing can be
    learned where nothing is shown. A clip's only track is never taken.

    Required keys: imgs, T frames (H, W, 3), uint8; video_valid (T,); waveform (S,);
    audio_valid (S,). Modified keys: imgs and video_valid, or waveform and audio_valid.

    Args:
        video_probability: How often the picture is taken.
        audio_probability: How often the sound is taken; never both.

    Raises:
        ValueError: If a probability is out of range, or both together are more than 1.
    """

    def __init__(self, video_probability: float = 0.1, audio_probability: float = 0.1) -> None:
        check_probability("video_probability", video_probability)
        check_probability("audio_probability", audio_probability)
        check_probability(
            "video_probability` + `audio_probability", video_probability + audio_probability
        )
        self.video_probability = video_probability
        self.audio_probability = audio_probability

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``results`` with a track less, or as they are."""
        draw = np.random.random()
        video_valid, audio_valid = results["video_valid"], results["audio_valid"]
        if draw < self.video_probability:
            if audio_valid.any():
                results["imgs"] = [np.zeros_like(image) for image in results["imgs"]]
                results["video_valid"] = np.zeros_like(video_valid)
        elif draw < self.video_probability + self.audio_probability and video_valid.any():
            results["waveform"] = np.zeros_like(results["waveform"])
            results["audio_valid"] = np.zeros_like(audio_valid)
        return results
