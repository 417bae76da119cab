"""Looking over a part of a file: pictures at some moments, and how all pictures change."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from av.video.reformatter import Interpolation, VideoReformatter

from macbdf_mm.media import limits
from macbdf_mm.media.cuts import SMALL_SIDE
from macbdf_mm.media.frame_conversion import FrameConverter, shrunk_size
from macbdf_mm.media.frames import ROUNDING_SECONDS, frames_with_times
from macbdf_mm.media.media_file import MediaFile


@dataclass(frozen=True)
class Survey:
    """What a part of a video shows.

    Attributes:
        frames: Those shown at the wanted moments, RGB, shape (T, H, W, 3), uint8.
        valid: Which of them exist, shape (T,).
        starts_seconds: When each picture of the part begins to be shown, ascending, shape (N,).
            The first is the one shown at the first moment.
        small: The same pictures in grey, shape (N, 32, 32), uint8; averages of areas.
        num_damaged: How many pictures are damaged by the word of their decoder.
    """

    frames: npt.NDArray[np.uint8]
    valid: npt.NDArray[np.bool_]
    starts_seconds: npt.NDArray[np.float64]
    small: npt.NDArray[np.uint8]
    num_damaged: int = 0


def survey(
    path: str | Path,
    times_seconds: npt.NDArray[np.float64],
    until_seconds: float,
    short_side: int | None = None,
) -> Survey:
    """Return what a file shows from a moment on; every picture is decoded, in order.

    Args:
        path: A file with video.
        times_seconds: Ascending moments of which the frames are wanted, shape (T,), T > 0. Zero is
            the first frame.
        until_seconds: Where the part ends, behind them.
        short_side: Shrink larger frames to this short side, in pixels; None keeps them.

    Raises:
        ValueError: If the file has no video.
        UndecodableMediaError: If the file cannot be read, or the frames would take more memory
            than the limit.
    """
    with MediaFile(path) as file:
        if file.video is None:
            raise ValueError(f"{path} has no video.")
        converter = FrameConverter(shrunk_size(file.video.size, short_side))
        limits.check_clip_bytes(file.path, len(times_seconds), converter.size)
        frames = np.zeros((len(times_seconds), *converter.size, 3), np.uint8)
        valid = np.zeros(len(times_seconds), np.bool_)
        wanted = np.asarray(times_seconds, np.float64) + file.zero_seconds + ROUNDING_SECONDS
        last = until_seconds + file.zero_seconds
        shrinker = VideoReformatter()
        num_corrupt = 0
        starts: list[float] = []
        small: list[npt.NDArray[np.uint8]] = []
        for frame, start, end in frames_with_times(file, file.video, wanted[0], last):
            if start >= last:
                break
            if end <= wanted[0]:
                continue
            low, high = np.searchsorted(wanted, (start, end))
            if low < high:
                frames[low:high], valid[low:high] = converter.to_rgb(frame), True
            num_corrupt += frame.is_corrupt
            starts.append(start - file.zero_seconds)
            grey = shrinker.reformat(
                frame,
                width=SMALL_SIDE,
                height=SMALL_SIDE,
                format="gray",
                interpolation=Interpolation.AREA,
                threads=1,
            )
            small.append(np.asarray(grey.to_ndarray(), np.uint8))
        file.count_damage(float(wanted[0]), last, num_corrupt)
        pictures = np.array(small, np.uint8).reshape(len(small), SMALL_SIDE, SMALL_SIDE)
        return Survey(frames, valid, np.array(starts), pictures, file.num_damaged)
