"""Whether two waveforms are the same sound: aligned, then correlated."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Encoders delay by up to 0.15 s; what is further apart was moved on purpose.
_MAX_LAG_SECONDS = 0.5
_WINDOW_SECONDS = 0.5
# Quieter windows hold the noise of two encoders, which does not correlate.
_MIN_WINDOW_LEVEL = 0.2
# Of a signal in [-1, 1]; below this there is nothing but dither.
_SILENCE_RMS = 1e-4


@dataclass(frozen=True)
class SoundComparison:
    """How well two waveforms fit.

    Attributes:
        correlation: Of all that both have, in [-1, 1]; does not depend on loudness.
        min_correlation: Of the half second that fits worst, quiet ones left out.
        lag_seconds: By how much the second comes later than the first.
    """

    correlation: float
    min_correlation: float
    lag_seconds: float


def is_silent(waveform: npt.NDArray[np.float32]) -> bool:
    """Return whether a waveform, shape (S,) in [-1, 1], holds no sound at all."""
    return not len(waveform) or float(np.sqrt(np.mean(np.square(waveform)))) < _SILENCE_RMS


def compare_sounds(
    first: npt.NDArray[np.float32], second: npt.NDArray[np.float32], sample_rate: int
) -> SoundComparison:
    """Return how well two waveforms fit after the second was moved to where it fits best.

    Args:
        first: Mono PCM, shape (S,), not silent.
        second: The same, any length.
        sample_rate: Of both, in Hz.

    Raises:
        ValueError: If one of them is silent, which fits everything and nothing.
    """
    for name, waveform in (("first", first), ("second", second)):
        if is_silent(waveform):
            raise ValueError(f"Expected sound in `{name}`, got {len(waveform)} silent samples.")
    lag = _best_lag(first, second, round(_MAX_LAG_SECONDS * sample_rate))
    start = max(0, -lag)
    length = min(len(first) - start, len(second) - start - lag)
    a = first[start : start + length].astype(np.float64)
    b = second[start + lag : start + lag + length].astype(np.float64)
    size = round(_WINDOW_SECONDS * sample_rate)
    edges = range(0, max(length - size, 0) + 1, max(1, size // 2))
    windows = [(a[k : k + size], b[k : k + size]) for k in edges]
    # Loud in either: a word that was put into a pause counts, a pause that stayed one does not.
    levels = (_MIN_WINDOW_LEVEL * np.std(a), _MIN_WINDOW_LEVEL * np.std(b))
    loud = [w for w in windows if np.std(w[0]) >= levels[0] or np.std(w[1]) >= levels[1]]
    whole = _correlation(a, b)
    return SoundComparison(
        correlation=whole,
        min_correlation=min([_correlation(*pair) for pair in loud] or [whole]),
        lag_seconds=lag / sample_rate,
    )


def _best_lag(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32], max_lag: int) -> int:
    """Return the lag, in samples, at which the product of both is largest."""
    # By FFT, padded so that the ends do not meet: the direct sum would take minutes.
    size = 1 << (len(first) + len(second) - 1).bit_length()
    spectrum = np.fft.rfft(second - second.mean(), size) * np.conj(
        np.fft.rfft(first - first.mean(), size)
    )
    products = np.fft.irfft(spectrum, size)
    lags = np.arange(-min(max_lag, len(first) - 1), min(max_lag, len(second) - 1) + 1)
    return int(lags[np.argmax(products[lags])])


def _correlation(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.dot(a, b)) / norm if norm > 0 else 0.0
