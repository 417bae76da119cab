"""Where and with what a clip is recorded: room, light, background, camera, microphone, gain."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve, lfilter

from demo.articulation import SAMPLE_RATE
from demo.identity import Colour


@dataclass(frozen=True)
class Scene:
    """Conditions of one recording."""

    light: Colour
    light_angle: float
    light_contrast: float
    exposure_drift: float
    background: Colour
    background_seed: int
    clothes: Colour
    head_scale: float
    head_offset: tuple[float, float]
    motion: float
    focus_blur: float
    """Standard deviation of the blur, in pixels of a frame 128 high."""
    sensor_noise: float
    """Standard deviation in grey levels of 255."""
    reverberation_seconds: float
    reverberation_share: float
    ambience_db: float
    """Level of the ambient noise relative to the speech."""
    ambience_tilt: float
    """Pole of the filter that colours it: 0 white, towards 1 rumbling."""
    microphone_hz: float
    """Corner of the microphone's low-pass."""


def draw_scene(rng: np.random.Generator) -> Scene:
    """Return random conditions."""
    warmth = rng.normal(0, 0.05)
    level = rng.uniform(0.8, 1.12)
    return Scene(
        light=(level * (1 + warmth), level, level * (1 - warmth)),
        light_angle=rng.uniform(0, 2 * np.pi),
        light_contrast=rng.uniform(0.05, 0.35),
        exposure_drift=rng.uniform(0.0, 0.03),
        background=_draw_colour(rng, 0.15, 0.85),
        background_seed=int(rng.integers(2**31)),
        clothes=_draw_colour(rng, 0.08, 0.75),
        head_scale=rng.uniform(0.92, 1.12),
        head_offset=(rng.uniform(-0.05, 0.05), rng.uniform(-0.03, 0.04)),
        motion=rng.uniform(0.3, 1.0),
        focus_blur=rng.uniform(0.0, 0.7),
        sensor_noise=rng.uniform(1.5, 5.0),
        reverberation_seconds=rng.uniform(0.08, 0.40),
        reverberation_share=rng.uniform(0.05, 0.5),
        ambience_db=rng.uniform(-38, -22),
        ambience_tilt=rng.uniform(0.3, 0.95),
        microphone_hz=rng.uniform(3500, 7500),
    )


def _draw_colour(rng: np.random.Generator, low: float, high: float) -> Colour:
    grey = rng.uniform(low, high)
    red, green, blue = np.clip(grey * (1 + rng.normal(0, 0.12, 3)), 0.03, 0.97)
    return float(red), float(green), float(blue)


def record_sound(
    speech: npt.NDArray[np.float32], scene: Scene, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return dry speech, shape (S,), as the scene's microphone hears it, same shape."""
    response = _room_response(scene, rng)
    heard = fftconvolve(speech, response)[: len(speech)]
    noise = lfilter([1.0], [1.0, -scene.ambience_tilt], rng.standard_normal(len(speech)))
    level = float(speech.std()) * 10 ** (scene.ambience_db / 20)
    heard = heard + noise * level / max(float(noise.std()), 1e-9)
    pole = np.exp(-2 * np.pi * scene.microphone_hz / SAMPLE_RATE)
    return lfilter([1 - pole], [1.0, -pole], heard).astype(np.float32)


def _room_response(scene: Scene, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return direct sound followed by decaying noise; energy 1 plus the reverberant share."""
    num_taps = max(2, round(scene.reverberation_seconds * SAMPLE_RATE))
    decay = np.exp(-6.9 * np.arange(num_taps) / num_taps)  # 60 dB over the whole tail
    tail = rng.standard_normal(num_taps) * decay
    tail *= np.sqrt(scene.reverberation_share / np.sum(tail**2))
    tail[0] += 1.0
    return tail


def level_out(
    waveform: npt.NDArray[np.float32], rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return the waveform, shape (S,), at a random loudness and crest factor, in [-1, 1].

    Both are drawn from the same ranges for every clip, so that neither tells how it was made.
    Silence is returned as it is.
    """
    crest = 10 ** (rng.uniform(11.0, 14.0) / 20)
    level = 10 ** (rng.uniform(-28.0, -18.0) / 20)
    spread = float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))
    if spread == 0:
        return waveform
    limited = _limit_crest(waveform / spread, crest)
    spread = float(np.sqrt(np.mean(np.square(limited, dtype=np.float64))))
    return (limited * (level / spread)).clip(-1, 1).astype(np.float32)


def _limit_crest(waveform: npt.NDArray[np.floating], crest: float) -> npt.NDArray[np.floating]:
    """Return the waveform softly limited to a ratio of peak to root mean square."""
    low, high = 0.01, 10.0  # drive: from nearly linear to nearly square
    if _crest(waveform) <= crest:
        return waveform
    for _ in range(12):
        drive = np.sqrt(low * high)
        if _crest(np.tanh(drive * waveform)) > crest:
            low = drive
        else:
            high = drive
    return np.tanh(high * waveform)


def _crest(waveform: npt.NDArray[np.floating]) -> float:
    return float(np.abs(waveform).max() / np.sqrt(np.mean(np.square(waveform))))
