"""The same words at the same times in another voice: pitch and vocal tract are changed."""

import numpy as np
import numpy.typing as npt

from macbdf_mm.datasets.forgery.clip import Clip, sample_range
from macbdf_mm.datasets.forgery.phase_rebuilding import magnitude_of, rebuild_phase
from macbdf_mm.datasets.forgery.sound_matching import (
    match_loudness,
    match_spectrum,
    replace_stretch,
)
from macbdf_mm.structures.intervals import Interval

_FFT_LENGTH = 1024
_HOP = 160
_LIFTER = 50
"""Cepstral coefficients kept as the vocal tract's envelope; the rest is pitch."""


def another_voice(
    clip: Clip,
    interval: Interval,
    rng: np.random.Generator,
    strength: float = 0.5,
    donor: Clip | None = None,
) -> npt.NDArray[np.float32]:
    """Return the waveform with the interval spoken by another voice, in time with the lips.

    Envelope (vocal tract) and fine structure (pitch) of the magnitude are parted by the
    cepstrum, stretched along frequency by different factors and joined; the phase is rebuilt.
    The donor is not used. See :class:`~.clip.Operator` for the arguments.
    """
    start, end = sample_range(clip, interval)
    original = clip.waveform[start:end]
    if len(original) <= _FFT_LENGTH:
        raise ValueError(
            f"Expected `interval` of more than {_FFT_LENGTH} samples, got {len(original)}; "
            "choose a longer one."
        )
    magnitude = np.maximum(magnitude_of(original, _FFT_LENGTH, _HOP), 1e-6)
    cepstrum = np.fft.irfft(np.log(magnitude), axis=0)
    cepstrum[_LIFTER:-_LIFTER] = 0
    envelope = np.exp(np.fft.rfft(cepstrum, axis=0).real)
    fine = magnitude / envelope
    reach = rng.choice([-1, 1]) * rng.uniform(0.12, 0.20 + 0.20 * strength)
    changed = _stretch(envelope, 1 + 0.5 * reach) * _stretch(fine, 1 + reach)
    forged = rebuild_phase(changed, len(original), round(10 - 6 * strength), _HOP, rng)
    forged = match_loudness(match_spectrum(forged, original, clip.sample_rate), original)
    return replace_stretch(clip.waveform, forged, start, fade_samples=clip.sample_rate // 100)


def _stretch(spectrum: npt.NDArray[np.floating], factor: float) -> npt.NDArray[np.floating]:
    """Return the spectrum, shape (F, N), with every frequency multiplied by ``factor``."""
    source = np.arange(len(spectrum)) / factor
    # Past the top the spectrum is mirrored: there is noise there in real speech, not nothing.
    source = np.where(source > len(spectrum) - 1, 2 * (len(spectrum) - 1) - source, source)
    low = np.minimum(source.astype(np.int64), len(spectrum) - 2)
    share = (source - low)[:, None]
    return (1 - share) * spectrum[low] + share * spectrum[low + 1]
