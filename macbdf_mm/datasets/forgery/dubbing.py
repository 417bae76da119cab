"""Other speech over the picture, stretched to its length: it does not fit the mouth."""

from typing import Any

import numpy as np
import numpy.typing as npt

from macbdf_mm.datasets.forgery.clip import Clip, sample_range
from macbdf_mm.datasets.forgery.sound_matching import (
    FFT_LENGTH,
    HOP,
    istft,
    match_loudness,
    match_spectrum,
    replace_stretch,
    stft,
)
from macbdf_mm.structures.intervals import Interval


def dubbing(
    clip: Clip,
    interval: Interval,
    rng: np.random.Generator,
    strength: float = 0.5,
    donor: Clip | None = None,
) -> npt.NDArray[np.float32]:
    """Return the waveform with the interval replaced by speech that says something else.

    The speech is the donor's, or the clip's own from another time; a phase vocoder changes
    its speed, more so the higher the strength. See :class:`~.clip.Operator`.
    """
    start, end = sample_range(clip, interval)
    original = clip.waveform[start:end]
    speed = 1 + rng.choice([-1, 1]) * rng.uniform(0.12, 0.2 + 0.2 * strength)
    speech = _draw_speech(clip, donor, start, round(len(original) * speed) + 1, rng)
    forged = change_speed(speech, speed, len(original))
    forged = match_loudness(match_spectrum(forged, original, clip.sample_rate), original)
    return replace_stretch(clip.waveform, forged, start, fade_samples=clip.sample_rate // 100)


def change_speed(waveform: npt.NDArray[np.floating], speed: float, length: int) -> npt.NDArray[Any]:
    """Return the waveform ``speed`` times as fast at the same pitch, shape (length,).

    A phase vocoder (Flanagan and Golden, 1966) without phase locking; the sound is padded
    with silence where it is too short.
    """
    spectrum = stft(waveform)
    num_frames = len(spectrum[0])
    # The framing starts half a window and a hop before the sound, whatever the speed.
    lead = (FFT_LENGTH // 2 + HOP) / HOP
    wanted = lead + speed * (np.arange(length // HOP + 2 * round(lead) + 2) - lead)
    positions = wanted.clip(0, num_frames - 1.001)
    low = positions.astype(np.int64)
    share = positions - low
    magnitude = (1 - share) * np.abs(spectrum[:, low]) + share * np.abs(spectrum[:, low + 1])
    advance = 2 * np.pi * HOP * np.arange(len(spectrum))[:, None] / FFT_LENGTH
    turn = np.angle(spectrum[:, low + 1]) - np.angle(spectrum[:, low]) - advance
    turn -= 2 * np.pi * np.round(turn / (2 * np.pi))
    phase = np.angle(spectrum[:, :1]) + np.cumsum(advance + turn, axis=1)
    stretched = istft(magnitude * np.exp(1j * phase), length)
    return np.pad(stretched, (0, length - len(stretched)))


def _draw_speech(
    clip: Clip, donor: Clip | None, start: int, num_samples: int, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return other speech, shape (num_samples,)."""
    if donor is not None:
        # From the same time on: then a clip dubbed as a whole begins with silence, as others do.
        speech, place = donor.waveform, start
    else:
        speech = clip.waveform
        place = start + round(len(speech) * rng.uniform(0.3, 0.7))
    return np.take(speech, np.arange(place, place + num_samples), mode="wrap")
