"""Waveforms from magnitudes alone: what vocoders do, by Griffin and Lim's iteration."""

import numpy as np
import numpy.typing as npt
import torch
from torchaudio.functional import griffinlim, melscale_fbanks


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
