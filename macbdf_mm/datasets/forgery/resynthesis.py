"""Audio operators that rebuild speech from its magnitude alone, as vocoders do."""

import numpy as np
import numpy.typing as npt
import torch
from torchaudio.functional import griffinlim, melscale_fbanks

from macbdf_mm.datasets.forgery.clip import Clip, sample_range
from macbdf_mm.datasets.forgery.sound_matching import (
    replace_matched,
)
from macbdf_mm.errors import ArgumentError
from macbdf_mm.structures.intervals import Interval

_LIFTER = 50
"""Cepstral coefficients kept as the vocal tract's envelope; the rest is pitch."""


def griffin_lim(
    clip: Clip,
    interval: Interval,
    rng: np.random.Generator,
    strength: float = 0.5,
    donor: Clip | None = None,
) -> npt.NDArray[np.float32]:
    """Return the waveform with the interval resynthesised from a coarse mel spectrogram.

    Its phase is lost and rebuilt. Fewer bands and fewer iterations the higher the strength.
    The donor is not used. See :class:`~.clip.Operator` for the arguments.
    """
    start, end = sample_range(clip, interval)
    fft_length, hop = 512, int(rng.choice([128, 160, 192]))
    original = _longer_than(fft_length, clip.waveform[start:end])
    num_mels = round(72 - 40 * strength + rng.uniform(-4, 4))
    num_iterations = round(14 - 10 * strength)
    magnitude = through_mel(magnitude_of(original, fft_length, hop), num_mels, clip.sample_rate)
    forged = rebuild_phase(magnitude, len(original), num_iterations, hop, rng)
    return replace_matched(clip.waveform, forged, start, clip.sample_rate)


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
    fft_length, hop = 1024, 160
    original = _longer_than(fft_length, clip.waveform[start:end])
    magnitude = np.maximum(magnitude_of(original, fft_length, hop), 1e-6)
    cepstrum = np.fft.irfft(np.log(magnitude), axis=0)
    cepstrum[_LIFTER:-_LIFTER] = 0
    envelope = np.exp(np.fft.rfft(cepstrum, axis=0).real)
    fine = magnitude / envelope
    reach = rng.choice([-1, 1]) * rng.uniform(0.12, 0.20 + 0.20 * strength)
    changed = _stretch(envelope, 1 + 0.5 * reach) * _stretch(fine, 1 + reach)
    forged = rebuild_phase(changed, len(original), round(10 - 6 * strength), hop, rng)
    return replace_matched(clip.waveform, forged, start, clip.sample_rate)


def _stretch(spectrum: npt.NDArray[np.floating], factor: float) -> npt.NDArray[np.floating]:
    """Return the spectrum, shape (F, N), with every frequency multiplied by ``factor``."""
    source = np.arange(len(spectrum)) / factor
    # Past the top the spectrum is mirrored: there is noise there in real speech, not nothing.
    source = np.where(source > len(spectrum) - 1, 2 * (len(spectrum) - 1) - source, source)
    low = np.minimum(source.astype(np.int64), len(spectrum) - 2)
    share = (source - low)[:, None]
    return (1 - share) * spectrum[low] + share * spectrum[low + 1]


def _longer_than(fft_length: int, waveform: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the waveform, if there is a window of it."""
    if len(waveform) <= fft_length:
        raise ArgumentError(
            f"Expected `interval` of more than {fft_length} samples, got {len(waveform)}; "
            "choose a longer one."
        )
    return waveform


def rebuild_phase(
    magnitude: npt.NDArray[np.floating],
    length: int,
    num_iterations: int,
    hop: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """Return a waveform of about this short-time magnitude, float32, shape (length,).

    Args:
        magnitude: Shape (F, N), of a Hann window of 2 (F - 1) samples, centred frames.
        length: Samples wanted.
        num_iterations: Of Griffin-Lim; few leave a hoarse, phasey sound.
        hop: Samples between frames.
        rng: Draws the random phase that the iteration starts from.
    """
    fft_length = 2 * (len(magnitude) - 1)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(int(rng.integers(2**31)))
        waveform = griffinlim(
            torch.from_numpy(np.ascontiguousarray(magnitude, dtype=np.float32)),
            window=torch.hann_window(fft_length),
            n_fft=fft_length,
            hop_length=hop,
            win_length=fft_length,
            power=1.0,
            n_iter=num_iterations,
            momentum=0.9,
            length=length,
            rand_init=True,
        )
    return waveform.numpy()


def magnitude_of(
    waveform: npt.NDArray[np.floating], fft_length: int, hop: int
) -> npt.NDArray[np.float32]:
    """Return the short-time magnitude that :func:`rebuild_phase` takes, shape (F, N)."""
    spectrum = torch.stft(
        torch.from_numpy(np.ascontiguousarray(waveform, dtype=np.float32)),
        fft_length,
        hop,
        window=torch.hann_window(fft_length),
        return_complex=True,
    )
    return spectrum.abs().numpy()


def through_mel(
    magnitude: npt.NDArray[np.float32], num_mels: int, sample_rate: int
) -> npt.NDArray[np.float32]:
    """Return the magnitude as far as a mel spectrogram of it tells, shape (F, N).

    The bands are spread back over their filters (the transpose of the filter bank, normalised),
    which is smooth, fast, and defined for any number of bands.
    """
    filters = melscale_fbanks(
        len(magnitude), 0.0, sample_rate / 2, num_mels, sample_rate
    ).numpy()  # (F, M)
    filters = filters[:, filters.sum(axis=0) > 0]
    bands = filters.T @ magnitude**2 / filters.sum(axis=0)[:, None]
    shares = filters / np.maximum(filters.sum(axis=1, keepdims=True), 1e-6)
    return np.sqrt(shares @ bands).astype(np.float32)
