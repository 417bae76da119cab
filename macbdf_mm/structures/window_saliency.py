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
    """

    track: str
    span_seconds: tuple[float, float]
    method: str
    frames: npt.NDArray[np.uint8] | None
    frame_weights: npt.NDArray[np.float32] | None
    spectrogram: npt.NDArray[np.float32] | None
    spectrogram_weights: npt.NDArray[np.float32] | None

    @property
    def video_share(self) -> float:
        """Share of all attributions that lies on the frames, in [0, 1]; 0 if all are zero."""
        sums = [
            0.0 if weights is None else float(weights.sum(dtype=np.float64))
            for weights in (self.frame_weights, self.spectrogram_weights)
        ]
        return sums[0] / sum(sums) if sum(sums) else 0.0
