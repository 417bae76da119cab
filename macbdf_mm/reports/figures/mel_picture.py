"""A mel spectrogram of a file of any length, a bounded number of columns wide."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.sound import read_waveform

SAMPLE_RATE = 16_000
_NUM_MELS = 64
_N_FFT = 512
_HOP = 160
# Sound in memory at one time.
_CHUNK_SECONDS = 30.0
_FLOOR = 1e-10


def mel_power(waveform: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the power mel spectrogram of sound at 16 kHz, low bins first, (64, S // 160).

    A Hann window of 512 samples, mirrored edges, filters of height 1 on HTK's mel scale: the same
    as the detector's own front end has by default.

    Args:
        waveform: (S,), S > 256.
    """
    padded = np.pad(waveform, _N_FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _N_FFT)[::_HOP]
    frames = frames[: len(waveform) // _HOP]
    # Periodic, as an STFT has it.
    window = np.hanning(_N_FFT + 1)[:-1].astype(np.float32)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    return (power @ _filter_bank()).T


def read_mel_columns(
    file: MediaFile, duration_seconds: float, max_columns: int
) -> npt.NDArray[np.float64]:
    """Return the mel spectrogram of a whole file in decibels, (64, columns).

    A column is the mean power of its part of the file, and NaN where there is no sound. Memory
    holds half a minute of sound, or a column of it.

    Args:
        file: With a sound track.
        duration_seconds: Length of the file.
        max_columns: Short files have fewer, one for each 10 ms.
    """
    num_frames = max(1, round(duration_seconds * SAMPLE_RATE / _HOP))
    num_columns = min(max_columns, num_frames)
    edges = np.linspace(0, num_frames, num_columns + 1).round().astype(int)
    per_chunk = max(1, int(_CHUNK_SECONDS * num_columns / duration_seconds))
    pieces = []
    for first in range(0, num_columns, per_chunk):
        part = edges[first : first + per_chunk + 1]
        # Mirrored edges of a chunk would show as seams: read a frame more on either side.
        low = max(0, part[0] - 4) * _HOP
        high = (part[-1] + 4) * _HOP
        waveform, is_sound = read_waveform(
            file, (low / SAMPLE_RATE, high / SAMPLE_RATE), SAMPLE_RATE
        )
        power = mel_power(waveform)
        power[:, ~is_sound[::_HOP][: power.shape[1]]] = np.nan
        starts = part - low // _HOP
        pieces += [_mean(power[:, a:b]) for a, b in pairwise(starts)]
    return 10 * np.log10(np.maximum(np.stack(pieces, axis=1), _FLOOR))


def _mean(power: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    heard = power[:, ~np.isnan(power[0])]
    return heard.mean(axis=1) if heard.shape[1] else np.full(len(power), np.nan)


def _filter_bank() -> npt.NDArray[np.float64]:
    """Return triangular filters on HTK's mel scale, (257, 64)."""
    hertz = np.linspace(0, SAMPLE_RATE / 2, _N_FFT // 2 + 1)
    top = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, top, _NUM_MELS + 2) / 2595) - 1)
    low, mid, high = corners[:-2], corners[1:-1], corners[2:]
    rising = (hertz[:, None] - low) / (mid - low)
    falling = (high - hertz[:, None]) / (high - mid)
    return np.maximum(0.0, np.minimum(rising, falling))
