"""How forged speech is fitted into a track: joins, loudness and long-term spectrum."""

from typing import Any

import numpy as np
import numpy.typing as npt

Waveform = npt.NDArray[Any]

FFT_LENGTH = 512
HOP = 128
_NUM_BANDS = 40


def replace_matched(
    waveform: Waveform,
    forged: npt.NDArray[Any],
    start: int,
    sample_rate: int,
    fade_samples: int | None = None,
) -> Waveform:
    """Return the waveform with ``forged``, as loud and coloured as the original, put in.

    Args:
        waveform: Shape (S,).
        forged: Shape (N,), N <= S - ``start``.
        start: Index of the first sample that changes.
        sample_rate: In Hz.
        fade_samples: Length of each cross-fade; 10 ms if None.
    """
    original = waveform[start : start + len(forged)]
    forged = match_loudness(match_spectrum(forged, original, sample_rate), original)
    fade_samples = sample_rate // 100 if fade_samples is None else fade_samples
    return replace_stretch(waveform, forged, start, fade_samples)


def replace_stretch(
    waveform: Waveform, forged: npt.NDArray[Any], start: int, fade_samples: int
) -> Waveform:
    """Return the waveform with ``forged`` in place of its samples from ``start`` on.

    The first and last ``fade_samples`` of the stretch are cross-faded with the original, so
    that all that changes lies inside the stretch. The result is clipped to [-1, 1].

    Args:
        waveform: Shape (S,).
        forged: Shape (N,), N <= S - ``start``.
        start: Index of the first sample that changes.
        fade_samples: Length of each cross-fade; halved as needed for short stretches.
    """
    result = waveform.copy()
    end = start + len(forged)
    fade = min(fade_samples, len(forged) // 2)
    share = np.ones(len(forged))
    if fade > 0:
        ramp = (np.arange(fade) + 1) / (fade + 1)
        share[:fade], share[len(forged) - fade :] = ramp, ramp[::-1]
    mixed = share * forged + (1 - share) * waveform[start:end]
    result[start:end] = mixed.clip(-1, 1)
    return result


def match_loudness(forged: npt.NDArray[Any], reference: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the forged sound with the root mean square of the reference."""
    level = float(np.sqrt(np.mean(np.square(forged, dtype=np.float64))))
    wanted = float(np.sqrt(np.mean(np.square(reference, dtype=np.float64))))
    return forged * (wanted / max(level, 1e-9))


def match_spectrum(
    forged: npt.NDArray[Any], reference: npt.NDArray[Any], sample_rate: int
) -> npt.NDArray[Any]:
    """Return the forged sound, shape (N,), with the reference's mean log spectrum.

    The mean over time of the log power is compared in 40 bands as wide as hearing's; the
    difference becomes one fixed filter. So voice and microphone keep their average colour.
    """
    spectrum = stft(forged)
    gain_db = _band_levels(stft(reference), sample_rate) - _band_levels(spectrum, sample_rate)
    centres = _band_centres(sample_rate)
    frequencies = np.linspace(0, sample_rate / 2, len(spectrum))
    curve = np.interp(frequencies, centres, gain_db.clip(-20, 20))
    return istft(spectrum * 10 ** (curve / 20)[:, None], len(forged))


def stft(waveform: npt.NDArray[Any]) -> npt.NDArray[np.complex128]:
    """Return the short-time spectrum, Hann window of 512, hop of 128; shape (257, N)."""
    padded = np.pad(np.asarray(waveform, np.float64), FFT_LENGTH // 2 + HOP)
    padded = np.pad(padded, (0, -len(padded) % HOP))
    blocks = np.lib.stride_tricks.sliding_window_view(padded, FFT_LENGTH)[::HOP]
    return np.fft.rfft(blocks * _window(), axis=1).T


def istft(spectrum: npt.NDArray[np.complexfloating], length: int) -> npt.NDArray[Any]:
    """Return the waveform of a spectrum that :func:`stft` made, shape (length,)."""
    blocks = np.fft.irfft(spectrum.T, FFT_LENGTH, axis=1) * _window()
    overlap = FFT_LENGTH // HOP
    pieces = blocks.reshape(len(blocks), overlap, HOP)
    result = np.zeros((len(blocks) + overlap, HOP))
    weight = np.zeros_like(result)
    parts = np.square(_window()).reshape(overlap, HOP)
    for shift in range(overlap):
        result[shift : shift + len(blocks)] += pieces[:, shift]
        weight[shift : shift + len(blocks)] += parts[shift]
    flat = (result / np.maximum(weight, 1e-3)).reshape(-1)
    begin = FFT_LENGTH // 2 + HOP
    return flat[begin : begin + length]


def _window() -> npt.NDArray[Any]:
    return np.hanning(FFT_LENGTH + 1)[:-1]


def _band_centres(sample_rate: int) -> npt.NDArray[Any]:
    top = 2595 * np.log10(1 + sample_rate / 2 / 700)
    mels = (np.arange(_NUM_BANDS) + 0.5) / _NUM_BANDS * top
    return 700 * (10 ** (mels / 2595) - 1)


def _band_levels(spectrum: npt.NDArray[np.complexfloating], sample_rate: int) -> npt.NDArray[Any]:
    """Return the mean over time of the level in each band, in dB, shape (40,)."""
    power = np.abs(spectrum) ** 2
    centres = _band_centres(sample_rate)
    frequencies = np.linspace(0, sample_rate / 2, len(spectrum))
    edges = np.concatenate([[-1.0], (centres[1:] + centres[:-1]) / 2, [sample_rate]])
    which = np.clip(np.searchsorted(edges, frequencies) - 1, 0, _NUM_BANDS - 1)
    members = (which[None] == np.arange(_NUM_BANDS)[:, None]).astype(np.float64)
    # The lowest bands can be narrower than a bin: they take the bin nearest to them.
    for band in np.flatnonzero(members.sum(axis=1) == 0):
        members[band, np.argmin(np.abs(frequencies - centres[band]))] = 1
    bands = (members / members.sum(axis=1, keepdims=True)) @ power
    return 10 * np.log10(bands + 1e-10).mean(axis=1)
