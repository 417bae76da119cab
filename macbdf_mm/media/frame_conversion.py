"""From decoded pictures to upright RGB arrays of the wanted size."""

import struct
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import Interpolation, VideoReformatter

from macbdf_mm.errors import ArgumentError


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
        self._orientations: dict[int, Orientation] = {}

    def to_rgb(
        self, frame: av.VideoFrame, out: npt.NDArray[np.uint8] | None = None
    ) -> npt.NDArray[np.uint8]:
        """Return a frame, shape (H, W, 3), RGB, uint8.

        A frame of another size than the first, which streams may hold, is scaled to fit.

        Args:
            frame: A frame of the video.
            out: Where to write it, of its shape and without gaps; None for an array of its own.
        """
        stored = self._orientation_of(frame)
        height, width = self.size[::-1] if stored.transposed else self.size
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
        return stored.upright(np.asarray(image.to_ndarray(), np.uint8), out)

    def _orientation_of(self, frame: av.VideoFrame) -> "Orientation":
        """Return how a frame is stored, by the matrix of the first that is turned as it is.

        A frame whose matrix was looked at refers to itself, so it would stay in memory until
        Python looks for such circles: hundreds of megabytes of 4K.
        """
        turned = frame.rotation
        if turned not in self._orientations:
            self._orientations[turned] = orientation_of(frame)
        return self._orientations[turned]


@dataclass(frozen=True)
class Orientation:
    """How a stored picture becomes the one that is shown: transposed first, then mirrored.

    Attributes:
        transposed: Whether rows become columns.
        left_right: Whether what is then left is shown right.
        upside_down: Whether what is then up is shown down.
    """

    transposed: bool = False
    left_right: bool = False
    upside_down: bool = False

    @property
    def is_mirrored(self) -> bool:
        """Whether turning alone does not make the picture upright."""
        return (self.transposed + self.left_right + self.upside_down) % 2 == 1

    def upright(
        self, image: npt.NDArray[np.uint8], out: npt.NDArray[np.uint8] | None = None
    ) -> npt.NDArray[np.uint8]:
        """Return a stored picture, shape (H, W, 3), as it is shown; ``out`` if that is given."""
        if not (self.transposed or self.left_right or self.upside_down):
            if out is None:
                return image
            out[...] = image
            return out
        # Imported late, since few files are turned. A copy of numpy's view takes eight times as
        # long, more than decoding the picture.
        import cv2

        if self.transposed and self.left_right != self.upside_down:
            clockwise = cv2.ROTATE_90_CLOCKWISE
            turn = clockwise if self.left_right else cv2.ROTATE_90_COUNTERCLOCKWISE
            return np.asarray(cv2.rotate(image, turn, out), np.uint8)
        both = self.left_right and self.upside_down
        flip = -1 if both else int(self.left_right)
        if not self.transposed:
            return np.asarray(cv2.flip(image, flip, out), np.uint8)
        turned = np.asarray(cv2.transpose(image, None if both else out), np.uint8)
        return np.asarray(cv2.flip(turned, flip, out), np.uint8) if both else turned


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """Return how a frame is stored, by the whole of its display matrix.

    The angle alone does not tell a mirrored picture from a turned one. What is not a multiple of
    90 degrees is shown as the nearest of them.
    """
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return Orientation()
    # (x, y) is shown at (a x + c y, b x + d y), but for a shift.
    a, b, _, c, d = struct.unpack_from("=5i", bytes(matrix))
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(transposed=True, left_right=c < 0, upside_down=b < 0)
    return Orientation(left_right=a < 0, upside_down=d < 0)


def upright_size(frame: av.VideoFrame) -> tuple[int, int]:
    """Return height and width of a frame as it is shown, that is, after rotation."""
    if orientation_of(frame).transposed:
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
        raise ArgumentError(f"Expected `short_side` > 0 or None, got {short_side}.")
    if short_side is None or min(size) <= short_side:
        return size
    scale = short_side / min(size)
    return round(size[0] * scale), round(size[1] * scale)
