"""How much both tracks of a file differ from those of the file it was made from.

Sounds are aligned, then correlated; pictures are compared where they differ most, against what
encoding them differently does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ArgumentError, MissingDataError, UndecodableMediaError
from macbdf_mm.media.frames import read_frames
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.probe import header_of
from macbdf_mm.media.sound import read_waveform

COMPARISON_RATE_HZ = 16_000
_NUM_MOMENTS = 10
_SHORT_SIDE = 256
# Where the header does not say how long a file is, so much of it is looked at.
_FALLBACK_SECONDS = 10.0
# Two files need not show a frame at the same moment: pictures a frame apart are tried as well.
_SHIFTS = (0, -1, 1)
_FALLBACK_FPS = 25.0

# Encoders delay by up to 0.15 s; what is further apart was moved on purpose.
_MAX_LAG_SECONDS = 0.5
_WINDOW_SECONDS = 0.5
# Quieter windows hold the noise of two encoders, which does not correlate.
_MIN_WINDOW_LEVEL = 0.2
# Of a signal in [-1, 1]; below this there is nothing but dither.
_SILENCE_RMS = 1e-4

# Compression takes away what is finer than this; forged faces differ in what is coarser too.
_DETAIL_SIZE = 5
# Of a picture whose short side is 256: a face of a tenth of its height still fills the patch.
_PATCH_SIZE = 17
# A swapped face may be missing in part of the clip, so not the median of the pictures; a cut or
# one damaged picture is no forgery, so not the maximum.
_PICTURE_QUANTILE = 0.75
# Of height by width; further apart, one is rotated or cropped, and no place fits another.
_MAX_ASPECT_RATIO = 1.1


@dataclass(frozen=True)
class TrackComparison:
    """How a file differs from its original; None where it could not be compared.

    Attributes:
        audio_correlation: Of both sounds, in [-1, 1].
        audio_min_correlation: Of the half second that fits worst.
        audio_lag_seconds: By how much the sound comes later than the original's.
        audio_silence: ``both``, ``original`` or ``clip`` where that is silent.
        video_difference: The largest local difference of the pictures, in grey levels of 255.
    """

    audio_correlation: float | None = None
    audio_min_correlation: float | None = None
    audio_lag_seconds: float | None = None
    audio_silence: str | None = None
    video_difference: float | None = None


@dataclass(frozen=True)
class _Tracks:
    """What is compared of a file: pictures (shifts, T, H, W, 3) with their validity, and sound."""

    pictures: npt.NDArray[np.uint8] | None
    valid: npt.NDArray[np.bool_]
    waveform: npt.NDArray[np.float32] | None


class OriginalTracks:
    """A file, decoded once, that any number of others are compared with.

    Sound is compared at 16 kHz over the whole length, pictures at ten moments, at a short side
    of 256 pixels.

    Args:
        path: The file that the others were made from.

    Raises:
        MissingDataError: If there is no such file.
        UndecodableMediaError: If it cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            with MediaFile(path) as file:
                self._seconds = header_of(file).duration_seconds or _FALLBACK_SECONDS
                self._tracks = _read_tracks(file, self._seconds, shifts=(0,))
        except (MissingDataError, UndecodableMediaError) as error:
            raise type(error)(f"original: {error}") from error

    def compare(self, path: str | Path) -> TrackComparison:
        """Return how the tracks of a file differ from those of this one.

        Args:
            path: The file to compare.

        Raises:
            MissingDataError: If there is no such file.
            UndecodableMediaError: If it cannot be read.
        """
        with MediaFile(path) as file:
            tracks = _read_tracks(file, self._seconds, _SHIFTS)
        return _compare(self._tracks, tracks)


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
            raise ArgumentError(f"Expected sound in `{name}`, got {len(waveform)} silent samples.")
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


def compare_pictures(first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> float | None:
    """Return the largest local difference of two rows of pictures, in grey levels of 255.

    Of each pair of pictures, without their finest details: the mean absolute difference of the
    patch that differs most, less the median over all patches, which is what encoding and a
    change of brightness amount to. Of all pairs the upper quartile.

    Args:
        first: RGB pictures, shape (T, H, W, 3), uint8, of a short side of about 256.
        second: The same moments, shape (T, H', W', 3); resized if the size differs.

    Returns:
        The difference, or None where the shapes of the pictures are too different to compare.

    Raises:
        ValueError: If the numbers of pictures differ, or there is none.
    """
    if len(first) != len(second) or not len(first):
        raise ArgumentError(
            f"Expected as many pictures in `first` as in `second`, got {len(first)} and "
            f"{len(second)}."
        )
    aspects = sorted(images.shape[1] / images.shape[2] for images in (first, second))
    if aspects[1] > _MAX_ASPECT_RATIO * aspects[0]:
        return None
    pairs = zip(first, second, strict=True)
    differences = [_largest_patch(_grey(a), _grey(b)) for a, b in pairs]
    return float(np.quantile(differences, _PICTURE_QUANTILE))


def _read_tracks(file: MediaFile, seconds: float, shifts: Sequence[int]) -> _Tracks:
    moments = (np.arange(_NUM_MOMENTS) + 0.5) * seconds / _NUM_MOMENTS
    waveform = pictures = None
    valid: npt.NDArray[np.bool_] = np.zeros((len(shifts), _NUM_MOMENTS), np.bool_)
    if file.audio is not None:
        samples, is_known = read_waveform(file, (0.0, seconds), COMPARISON_RATE_HZ)
        waveform = samples[: np.flatnonzero(is_known)[-1] + 1] if is_known.any() else None
    if file.video is not None:
        step = 1.0 / float(file.video.rate or _FALLBACK_FPS)
        times = np.stack([moments + shift * step for shift in shifts])  # (shifts, T)
        order = np.argsort(times, axis=None)
        frames, known = read_frames(file, times.flatten()[order], _SHORT_SIDE)
        back = np.argsort(order)
        pictures = frames[back].reshape(*times.shape, *frames.shape[1:])
        valid = known[back].reshape(times.shape)
    return _Tracks(pictures, valid, waveform)


def _compare(truth: _Tracks, clip: _Tracks) -> TrackComparison:
    sound = silence = None
    if truth.waveform is not None and clip.waveform is not None:
        silent = (is_silent(truth.waveform), is_silent(clip.waveform))
        silence = {(True, True): "both", (True, False): "original", (False, True): "clip"}.get(
            silent
        )
        if silence is None:
            sound = compare_sounds(truth.waveform, clip.waveform, COMPARISON_RATE_HZ)
    return TrackComparison(
        audio_correlation=None if sound is None else sound.correlation,
        audio_min_correlation=None if sound is None else sound.min_correlation,
        audio_lag_seconds=None if sound is None else sound.lag_seconds,
        audio_silence=silence,
        video_difference=_video_difference(truth, clip),
    )


def _video_difference(truth: _Tracks, clip: _Tracks) -> float | None:
    if truth.pictures is None or clip.pictures is None:
        return None
    # One shift for the whole clip: choosing it for each picture would hide what differs.
    differences = [
        compare_pictures(truth.pictures[0][both], pictures[both])
        for pictures, valid in zip(clip.pictures, clip.valid, strict=True)
        if (both := truth.valid[0] & valid).any()
    ]
    return min((value for value in differences if value is not None), default=None)


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


def _grey(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY).astype(np.float32)


def _largest_patch(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    if a.shape != b.shape:
        b = np.asarray(cv2.resize(b, a.shape[::-1], interpolation=cv2.INTER_AREA), np.float32)
    coarse = np.abs(_box_mean(a - b, _DETAIL_SIZE))
    local = _box_mean(coarse, _PATCH_SIZE)
    return float(local.max() - np.median(local))


def _box_mean(values: npt.NDArray[np.float32], size: int) -> npt.NDArray[np.float32]:
    """Return the mean of the square of ``size`` pixels around each pixel."""
    blurred = cv2.blur(values, (size, size), borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float32)
