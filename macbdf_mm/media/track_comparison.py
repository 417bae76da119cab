"""How much both tracks of a file differ from those of the file it was made from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import MissingDataError, UndecodableMediaError
from macbdf_mm.media.header import read_header
from macbdf_mm.media.picture_comparison import compare_pictures
from macbdf_mm.media.pyav_reader import PyAVReader
from macbdf_mm.media.sound_comparison import compare_sounds, is_silent

COMPARISON_RATE_HZ = 16_000
_NUM_MOMENTS = 10
_SHORT_SIDE = 256
# Where the header does not say how long a file is, so much of it is looked at.
_FALLBACK_SECONDS = 10.0
# Two files need not show a frame at the same moment: pictures a frame apart are tried as well.
_SHIFTS = (0, -1, 1)
_FALLBACK_FPS = 25.0


@dataclass(frozen=True)
class TrackComparison:
    """How a file differs from its original; None where it could not be compared.

    Attributes:
        audio_correlation: Of both sounds, in [-1, 1].
        audio_min_correlation: Of the half second that fits worst.
        audio_lag_seconds: By how much the sound comes later than the original's.
        audio_silence: ``both``, ``original`` or ``clip`` where that is silent.
        video_difference: The largest local difference of the pictures, in grey levels of 255.
        error: Why a file could not be read.
    """

    audio_correlation: float | None = None
    audio_min_correlation: float | None = None
    audio_lag_seconds: float | None = None
    audio_silence: str | None = None
    video_difference: float | None = None
    error: str | None = None


@dataclass(frozen=True)
class _Tracks:
    """What is compared of a file: pictures (shifts, T, H, W, 3) with their validity, and sound."""

    pictures: npt.NDArray[np.uint8] | None
    valid: npt.NDArray[np.bool_]
    waveform: npt.NDArray[np.float32] | None


def compare_with_original(
    original: str | Path, clips: Sequence[str | Path]
) -> Iterator[TrackComparison]:
    """Yield for each clip how its tracks differ from the original's, which is decoded once.

    Sound is compared at 16 kHz over the whole length, pictures at ten moments, at a short side
    of 256 pixels.

    Args:
        original: The file that all clips were made from.
        clips: The files to compare; one that cannot be read gives its ``error``.
    """
    try:
        seconds = read_header(original).duration_seconds or _FALLBACK_SECONDS
        truth = _read_tracks(original, seconds, shifts=(0,))
    except (MissingDataError, UndecodableMediaError) as error:
        for _ in clips:
            yield TrackComparison(error=f"original: {error}")
        return
    for clip in clips:
        try:
            yield _compare(truth, _read_tracks(clip, seconds, _SHIFTS))
        except (MissingDataError, UndecodableMediaError) as error:
            yield TrackComparison(error=str(error))


def _read_tracks(path: str | Path, seconds: float, shifts: Sequence[int]) -> _Tracks:
    moments = (np.arange(_NUM_MOMENTS) + 0.5) * seconds / _NUM_MOMENTS
    with PyAVReader(path) as reader:
        waveform = pictures = None
        valid: npt.NDArray[np.bool_] = np.zeros((len(shifts), _NUM_MOMENTS), np.bool_)
        if reader.audio is not None:
            samples, is_known = reader.read_waveform((0.0, seconds), COMPARISON_RATE_HZ)
            waveform = samples[: np.flatnonzero(is_known)[-1] + 1] if is_known.any() else None
        if reader.video is not None:
            rate = reader.container.streams[reader.video.index].average_rate
            step = 1.0 / float(rate or _FALLBACK_FPS)
            times = np.stack([moments + shift * step for shift in shifts])  # (shifts, T)
            order = np.argsort(times, axis=None)
            frames, known = reader.read_frames(times.flatten()[order], _SHORT_SIDE)
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
