"""Where in a file its sound begins and ends, without the silence before and after it."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from macbdf_mm.media.measure import BLOCK_SECONDS, SILENCE_DB
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.probe import describe
from macbdf_mm.media.sound import read_waveform
from macbdf_mm.structures.intervals import Interval

# Enough to tell speech from silence.
_SAMPLE_RATE = 8_000


@lru_cache(maxsize=4096)
def find_sound(path: str | Path) -> Interval | None:
    """Return from when to when a file has sound within 40 dB of its loudest 10 ms, in seconds.

    None for a file without sound, or with digital silence alone. The answers for the files of a
    process are kept, since each is asked about once a window.

    Args:
        path: The media file.

    Raises:
        MissingDataError: If there is no such file.
        UndecodableMediaError: If neither video nor audio decodes.
    """
    with MediaFile(path) as file:
        info = describe(file)
        if not info.has_audio:
            return None
        waveform, _ = read_waveform(file, (0.0, info.duration_seconds), _SAMPLE_RATE)
    return sounding_part(waveform, _SAMPLE_RATE)


def sounding_part(waveform: npt.NDArray[np.float32], sample_rate: int) -> Interval | None:
    """Return the same of a waveform, shape (S,); None for digital silence."""
    block = round(BLOCK_SECONDS * sample_rate)
    blocks = np.pad(waveform, (0, -len(waveform) % block)).astype(np.float64).reshape(-1, block)
    powers = (blocks**2).mean(axis=1)
    loud = np.flatnonzero(powers > powers.max(initial=0.0) * 10 ** (-SILENCE_DB / 10))
    if not loud.size:
        return None
    end = min(int(loud[-1] + 1) * block, len(waveform))
    return int(loud[0]) * block / sample_rate, end / sample_rate
