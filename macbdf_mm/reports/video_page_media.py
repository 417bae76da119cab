"""What a page shows of a media file itself: frames at some moments, and the sound of all of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from macbdf_mm.media.frames import read_frames
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.reports.figures.mel_picture import read_mel_columns

_SHORT_SIDE = 200
_MAX_COLUMNS = 700


@dataclass(frozen=True)
class PageMedia:
    """Frames and sound of a file.

    Attributes:
        frames: RGB, (H, W, 3) uint8 each, None where no frame is shown at that moment.
        decibels: Mel spectrogram of the whole file, (64, columns); None without sound.
    """

    frames: Sequence[npt.NDArray[np.uint8] | None] = ()
    decibels: npt.NDArray[np.float64] | None = None


def read_page_media(
    path: str, duration_seconds: float, times_seconds: Sequence[float]
) -> PageMedia:
    """Return what a page shows of a file; memory does not depend on its length.

    Args:
        path: The media file.
        duration_seconds: How much of it the page is about.
        times_seconds: Of the frames, ascending.

    Raises:
        MissingDataError: If there is no such file.
        UndecodableMediaError: If neither video nor audio decodes.
    """
    with MediaFile(path) as file:
        decibels = None
        if file.audio is not None:
            decibels = read_mel_columns(file, duration_seconds, _MAX_COLUMNS)
        frames: list[npt.NDArray[np.uint8] | None] = [None] * len(times_seconds)
        if file.video is not None:
            pictures, valid = read_frames(file, times_seconds, _SHORT_SIDE)
            frames = [p if is_shown else None for p, is_shown in zip(pictures, valid, strict=True)]
        return PageMedia(frames, decibels)
