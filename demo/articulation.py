"""What the mouth does over time: the one signal that drives both voice and face."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from macbdf_mm.datasets.forgery.smooth_noise import draw_smooth_noise

FPS = 25
SAMPLE_RATE = 16_000
CONTROL_RATE_HZ = 200
NUM_FORMANTS = 4

Curve = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Articulation:
    """Curves at 200 steps per second, each of shape (N,); formants (N, 4)."""

    aperture: Curve
    """Opening of the lips: 0 closed, 1 wide open."""
    width: Curve
    """Corners of the mouth: -1 rounded, 1 spread."""
    jaw: Curve
    """Drop of the jaw in [0, 1]; follows the aperture with more inertia."""
    voicing: Curve
    """Amplitude of the glottal source in [0, 1]."""
    frication: Curve
    """Amplitude of turbulence at a constriction in [0, 1]."""
    frication_hz: Curve
    """Centre of that turbulence's spectrum, in Hz."""
    pitch: Curve
    """Pitch relative to the voice's own, as an exponent of 2."""
    formants_hz: Curve
    """Resonances of a vocal tract of scale 1, in Hz."""

    @property
    def duration_seconds(self) -> float:
        """Length of the curves."""
        return len(self.aperture) / CONTROL_RATE_HZ

    def at_times(self, curve: Curve, times_seconds: npt.ArrayLike) -> Curve:
        """Return a curve of this articulation, (N,), read at any times by interpolation."""
        steps = (np.arange(len(curve)) + 0.5) / CONTROL_RATE_HZ
        return np.interp(np.asarray(times_seconds, dtype=np.float64), steps, curve)


@dataclass(frozen=True)
class _Sound:
    """Targets of one speech sound."""

    aperture: float
    width: float
    voicing: float
    frication: float
    frication_hz: float
    formants_hz: tuple[float, float, float, float]


def _vowel(aperture: float, width: float, *formants_hz: float) -> _Sound:
    return _Sound(aperture, width, 1.0, 0.0, 4000, (*formants_hz, 3500))  # type: ignore[arg-type]


def _consonant(
    aperture: float, voicing: float, frication: float, frication_hz: float, second_hz: float
) -> _Sound:
    return _Sound(aperture, 0.0, voicing, frication, frication_hz, (300, second_hz, 2500, 3500))


# Formants after Peterson and Barney (1952), men; lip shapes as phonetics textbooks draw them.
_VOWELS = (
    _vowel(1.00, 0.1, 730, 1090, 2440),  # a
    _vowel(0.85, 0.5, 660, 1720, 2410),  # ae
    _vowel(0.60, 0.6, 530, 1840, 2480),  # e
    _vowel(0.35, 1.0, 270, 2290, 3010),  # i
    _vowel(0.70, -0.5, 570, 840, 2410),  # o
    _vowel(0.30, -1.0, 300, 870, 2240),  # u
    _vowel(0.65, 0.0, 640, 1190, 2390),  # uh
    _vowel(0.45, -0.2, 490, 1350, 1690),  # er
)
_CONSONANTS = (
    _consonant(0.00, 0.35, 0.0, 4000, 1000),  # m
    _consonant(0.00, 0.05, 0.3, 1500, 900),  # p, b
    _consonant(0.12, 0.30, 0.0, 4000, 1700),  # n, l
    _consonant(0.14, 0.03, 0.9, 5600, 1700),  # s
    _consonant(0.16, 0.03, 0.8, 3200, 1900),  # sh
    _consonant(0.08, 0.10, 0.4, 6000, 1200),  # f, v
    _consonant(0.18, 0.05, 0.5, 2600, 1900),  # t, k
)
_REST = _Sound(0.0, 0.0, 0.0, 0.0, 4000, (500, 1500, 2500, 3500))


def draw_articulation(
    rng: np.random.Generator, duration_seconds: float, syllables_per_second: float
) -> Articulation:
    """Return random speech: silence, syllables with a pause now and then, silence.

    Args:
        rng: Where the randomness comes from.
        duration_seconds: Length of the whole, both silences included.
        syllables_per_second: Mean rate inside a phrase.
    """
    num_steps = round(duration_seconds * CONTROL_RATE_HZ)
    sounds, ends, accents = _draw_sequence(rng, duration_seconds, syllables_per_second)
    steps = (np.arange(num_steps) + 0.5) / CONTROL_RATE_HZ
    which = np.searchsorted(np.array(ends), steps).clip(max=len(sounds) - 1)

    def curve(name: str, smoothness_seconds: float) -> Curve:
        values = np.array([getattr(sound, name) for sound in sounds], dtype=np.float64)
        return gaussian_filter1d(
            values[which], smoothness_seconds * CONTROL_RATE_HZ, axis=0, mode="nearest"
        )

    loudness = gaussian_filter1d(np.array(accents)[which], 0.06 * CONTROL_RATE_HZ)
    aperture = curve("aperture", 0.024)
    drift = draw_smooth_noise(rng, num_steps, 0.25 * CONTROL_RATE_HZ)[0]
    declination = np.linspace(0.5, -0.5, num_steps)
    return Articulation(
        aperture=(aperture * loudness).clip(0, 1),
        width=curve("width", 0.03),
        jaw=gaussian_filter1d(aperture * loudness, 0.03 * CONTROL_RATE_HZ).clip(0, 1),
        # A wider mouth radiates more: this ties the envelope to the aperture.
        voicing=(curve("voicing", 0.012) * loudness * (0.35 + 0.65 * aperture)).clip(0, 1),
        frication=curve("frication", 0.010) * loudness,
        frication_hz=curve("frication_hz", 0.02),
        pitch=0.8 * (loudness - 0.8) + 0.5 * declination + 0.35 * drift,
        formants_hz=curve("formants_hz", 0.020),
    )


def _draw_sequence(
    rng: np.random.Generator, duration_seconds: float, syllables_per_second: float
) -> tuple[list[_Sound], list[float], list[float]]:
    """Return sounds, the time at which each ends, and the accent of its syllable."""
    lead = rng.uniform(0.06, 0.40)
    stop = duration_seconds - rng.uniform(0.06, 0.40)
    sounds, ends, accents = [_REST], [lead], [0.8]
    now = lead
    until_pause = rng.integers(4, 10)
    while now < stop - 0.15:
        length = rng.normal(1.0, 0.18) / syllables_per_second
        length = float(np.clip(length, 0.13, 0.40))
        accent = rng.uniform(0.6, 1.0)
        onset = length * rng.uniform(0.25, 0.42)
        sounds += [_CONSONANTS[rng.integers(len(_CONSONANTS))], _VOWELS[rng.integers(len(_VOWELS))]]
        ends += [now + onset, now + length]
        accents += [accent, accent]
        now += length
        until_pause -= 1
        if until_pause == 0:
            pause = rng.uniform(0.12, 0.35)
            sounds.append(_REST)
            ends.append(now + pause)
            accents.append(0.8)
            now += pause
            until_pause = rng.integers(4, 10)
    return [*sounds, _REST], [*ends, duration_seconds], [*accents, 0.8]
