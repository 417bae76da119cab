"""Audio operators that put other speech in place of the clip's own."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve, lfilter

from macbdf_mm.datasets.forgery.clip import Clip, sample_range
from macbdf_mm.datasets.forgery.sound_matching import (
    FFT_LENGTH,
    HOP,
    istft,
    match_loudness,
    replace_matched,
    replace_stretch,
    stft,
)
from macbdf_mm.structures.intervals import Interval


def word_splice(
    clip: Clip,
    interval: Interval,
    rng: np.random.Generator,
    strength: float = 0.5,
    donor: Clip | None = None,
) -> npt.NDArray[np.float32]:
    """Return the waveform with word-long pieces of the interval replaced by other speech.

    The words are the donor's, or from other times of the clip; every second one or so has a
    room and a noise floor of its own. The loudness of the interval is kept. See
    :class:`~.clip.Operator` for the arguments.
    """
    start, end = sample_range(clip, interval)
    original = clip.waveform[start:end]
    giver = (donor or clip).waveform
    rate = clip.sample_rate
    spliced = original.astype(np.float64)
    fade = max(1, round(rate * rng.uniform(0.001, 0.004)))
    for first, last in _draw_words(len(original), rate, rng):
        word = _draw_word(giver, last - first, rng)
        word = _in_another_room(word, rate, strength, rng)
        word = match_loudness(word, original[first:last])
        spliced = replace_stretch(spliced, word, first, fade)
    return replace_matched(clip.waveform, spliced, start, rate, fade)


def _draw_words(
    num_samples: int, sample_rate: int, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Return first and last-plus-one sample of disjoint words that fill most of the stretch."""
    words = []
    first = 0
    while num_samples - first > 0.08 * sample_rate:
        last = min(num_samples, first + round(rng.uniform(0.12, 0.32) * sample_rate))
        if num_samples - last < 0.1 * sample_rate:
            last = num_samples
        words.append((first, last))
        first = last + round(rng.choice([0.0, rng.uniform(0.0, 0.2)]) * sample_rate)
    return words


def _draw_word(
    giver: npt.NDArray[np.float32], num_samples: int, rng: np.random.Generator
) -> npt.NDArray[Any]:
    """Return a stretch of the giver; one that is too short is repeated."""
    if len(giver) <= num_samples:
        giver = np.tile(giver, num_samples // max(1, len(giver)) + 2)
    # Of a few places the loudest, so that words are replaced by words and not by pauses.
    places = rng.integers(0, len(giver) - num_samples, 4)
    pieces = [giver[place : place + num_samples].astype(np.float64) for place in places]
    return max(pieces, key=lambda piece: float(np.mean(piece**2)))


def _in_another_room(
    word: npt.NDArray[Any], sample_rate: int, strength: float, rng: np.random.Generator
) -> npt.NDArray[Any]:
    """Return the word with a short reverberation and noise, both foreign to the clip."""
    num_taps = round(rng.uniform(0.03, 0.12) * sample_rate)
    tail = rng.standard_normal(num_taps) * np.exp(-5 * np.arange(num_taps) / num_taps)
    tail *= np.sqrt(rng.uniform(0.1, 0.3 + 0.5 * strength) / np.sum(tail**2))
    tail[0] += 1
    wet = fftconvolve(word, tail)[: len(word)]
    noise = lfilter([1.0], [1.0, -rng.uniform(0.0, 0.9)], rng.standard_normal(len(word)))
    level_db = rng.uniform(-32, -24 + 10 * strength)
    level = max(float(word.std()), 1e-4) * 10 ** (level_db / 20)
    return wet + noise * level / max(float(noise.std()), 1e-9)


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
    return replace_matched(clip.waveform, forged, start, clip.sample_rate)


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
