"""What a detector looked at in one window: how much each pixel and each sound moved a score."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class WindowSaliency:
    """How much the inputs of one window moved the raw score of one track.

    Attributes:
        track: Whose score, ``overall``, ``video`` or ``audio``.
        span_seconds: Start and end of the window.
        method: How it was computed, as the middle of a sentence.
        frames: RGB as the detector saw them, shape (T, H, W, 3), uint8; None if it saw no video.
        frame_weights: Absolute attributions, summed over colours, shape (T, H, W), float32;
            None without frames.
        spectrogram: Normalised log-mel values, low bins first, shape (F, N), float32; None if it
            heard nothing.
        spectrogram_weights: Absolute attributions, shape (F, N), float32; None without sound.
        contributions: By how much the frames and the sound together raise the logit over that of
            an empty window; None where attributions do not add up to it.
    """

    track: str
    span_seconds: tuple[float, float]
    method: str
    frames: npt.NDArray[np.uint8] | None
    frame_weights: npt.NDArray[np.float32] | None
    spectrogram: npt.NDArray[np.float32] | None
    spectrogram_weights: npt.NDArray[np.float32] | None
    contributions: tuple[float, float] | None = None
