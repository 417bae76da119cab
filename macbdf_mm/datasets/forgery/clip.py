"""What an operator works on: frames and sound of one clip, and where its face is."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ArgumentError
from macbdf_mm.structures.intervals import Interval


@dataclass(frozen=True)
class Clip:
    """A decoded or rendered clip; frames and waveform start at the same time."""

    frames: npt.NDArray[np.uint8]
    """RGB, shape (T, H, W, 3)."""
    waveform: npt.NDArray[np.float32]
    """PCM in [-1, 1], shape (S,)."""
    fps: float = 25.0
    sample_rate: int = 16_000
    face_boxes: npt.NDArray[np.float32] | None = None
    """Left, top, right, bottom in pixels, shape (T, 4); None: assumed in the middle."""
    mouth_boxes: npt.NDArray[np.float32] | None = None
    """The same of the mouth; None: the lower part of the face."""


class Operator(Protocol):
    """One way to forge one track.

    A video operator returns frames, shape (T, H, W, 3), uint8; an audio operator returns a
    waveform, shape (S,), float32 in [-1, 1]. Outside of the interval both equal the input.
    """

    def __call__(
        self,
        clip: Clip,
        interval: Interval,
        rng: np.random.Generator,
        strength: float = 0.5,
        donor: Clip | None = None,
    ) -> np.ndarray:
        """Return the forged track.

        Args:
            clip: The clip to forge; it is not changed.
            interval: Start and end in seconds; whole frames and samples of it are forged.
            rng: Where the randomness comes from.
            strength: 0 (hardly visible or audible) to 1 (plain).
            donor: Another clip, whose face or speech is used; None: another part of ``clip``.
        """
        ...


def frame_range(clip: Clip, interval: Interval) -> tuple[int, int]:
    """Return first and last-plus-one index of the frames that begin inside the interval.

    Raises:
        ValueError: If no frame does.
    """
    return _index_range(interval, clip.fps, len(clip.frames), "frame")


def sample_range(clip: Clip, interval: Interval) -> tuple[int, int]:
    """Return first and last-plus-one index of the samples inside the interval.

    Raises:
        ValueError: If there is none.
    """
    return _index_range(interval, clip.sample_rate, len(clip.waveform), "sample")


def _index_range(interval: Interval, rate: float, length: int, unit: str) -> tuple[int, int]:
    # Times on the grid are products of decimals: a hair of tolerance keeps them on it.
    start = max(0, int(np.ceil(interval[0] * rate - 1e-6)))
    end = min(length, int(np.ceil(interval[1] * rate - 1e-6)))
    if start >= end:
        raise ArgumentError(
            f"Expected `interval` to hold a {unit}, got {interval} for a clip of "
            f"{length / rate:.3f} s; choose one inside the clip."
        )
    return start, end
