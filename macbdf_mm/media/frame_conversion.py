"""From decoded pictures to upright RGB arrays of the wanted size."""

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import Interpolation, VideoReformatter


class FrameConverter:
    """Converts the frames of one video to RGB arrays, upright and of one size.

    One converter serves all frames of a video: a frame's own conversion would set its tables
    up anew, at twenty times the cost of converting a small frame.

    Args:
        size: Height and width of the result, after rotation.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self._reformatter = VideoReformatter()

    def to_rgb(self, frame: av.VideoFrame) -> npt.NDArray[np.uint8]:
        """Return a frame, shape (H, W, 3), RGB, uint8.

        A frame of another size than the first, which streams may hold, is scaled to fit.
        """
        turns = quarter_turns(frame)
        height, width = self.size if turns % 2 == 0 else self.size[::-1]
        # Averaging whole areas keeps a shrunken picture free of aliasing.
        shrinks = (height, width) != (frame.height, frame.width)
        image = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="rgb24",
            interpolation=Interpolation.AREA if shrinks else None,
            threads=1,
        )
        return np.rot90(image.to_ndarray(), turns)


def upright_size(frame: av.VideoFrame) -> tuple[int, int]:
    """Return height and width of a frame as it is shown, that is, after rotation."""
    if quarter_turns(frame) % 2:
        return frame.width, frame.height
    return frame.height, frame.width


def shrunk_size(size: tuple[int, int], short_side: int | None) -> tuple[int, int]:
    """Return the size whose shorter side is at most ``short_side``, of the same aspect.

    Args:
        size: Height and width.
        short_side: In pixels; None keeps the size.

    Raises:
        ValueError: If ``short_side`` is not positive.
    """
    if short_side is not None and short_side < 1:
        raise ValueError(f"Expected `short_side` > 0 or None, got {short_side}.")
    if short_side is None or min(size) <= short_side:
        return size
    scale = short_side / min(size)
    return round(size[0] * scale), round(size[1] * scale)


def quarter_turns(frame: av.VideoFrame) -> int:
    """Return how often the decoded picture must be turned by 90 degrees, anti-clockwise."""
    return round(frame.rotation / 90) % 4
