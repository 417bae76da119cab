"""Recordings with a moving face-like patch and a voice-like sound, and forgeries of either.

Small enough to be written by the dozen, and different enough from each other that comparing two
of them tells whether they are the same recording.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from macbdf_mm.media.writer import write_clip

SAMPLE_RATE = 16_000
SIZE = 96
_FACE = 40


@dataclass(frozen=True)
class Recording:
    """Frames (T, 96, 96, 3), uint8, and a waveform (S,), float32, of one person speaking."""

    frames: npt.NDArray[np.uint8]
    waveform: npt.NDArray[np.float32]
    fps: float = 25.0


def record(seed: int, seconds: float = 1.0, fps: float = 25.0) -> Recording:
    """Return a recording; another seed gives another room, face and voice."""
    rng = np.random.default_rng([7, seed])
    room, face = _texture(rng, SIZE), _texture(rng, _FACE)
    frames = np.stack([_show(room, face, k / fps) for k in range(round(seconds * fps))])
    return Recording(frames, _speak(rng, seconds), fps)


def swap_face(recording: Recording, seed: int) -> Recording:
    """Return the recording with another face in the same place."""
    face = _texture(np.random.default_rng([8, seed]), _FACE)
    frames = [_show(frame, face, k / recording.fps) for k, frame in enumerate(recording.frames)]
    return replace(recording, frames=np.stack(frames))


def swap_voice(recording: Recording, seed: int) -> Recording:
    """Return the recording with another sound of the same length."""
    rng = np.random.default_rng([9, seed])
    waveform = _speak(rng, len(recording.waveform) / SAMPLE_RATE)
    return replace(recording, waveform=waveform[: len(recording.waveform)])


def save(
    path: Path, recording: Recording, *, crf: int = 23, with_sound: bool = True, **options
) -> Path:
    """Write a recording as a real media file and return its path."""
    write_clip(
        path,
        recording.frames,
        recording.fps,
        recording.waveform if with_sound else None,
        SAMPLE_RATE,
        crf=crf,
        **options,
    )
    return path


def _texture(rng: np.random.Generator, size: int) -> npt.NDArray[np.uint8]:
    coarse = rng.integers(30, 225, (5, 5, 3)).astype(np.uint8)
    return cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)


def _show(
    room: npt.NDArray[np.uint8], face: npt.NDArray[np.uint8], seconds: float
) -> npt.NDArray[np.uint8]:
    picture = room.copy()
    left = 28 + round(6 * np.sin(2 * np.pi * seconds))
    picture[30 : 30 + _FACE, left : left + _FACE] = face
    return picture


def _speak(rng: np.random.Generator, seconds: float) -> npt.NDArray[np.float32]:
    num_samples = round(seconds * SAMPLE_RATE)
    times = np.arange(num_samples) / SAMPLE_RATE
    pitch = np.interp(times, np.linspace(0, seconds, 8), rng.uniform(90, 250, 8))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    tone = sum(np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, 8))
    loudness = np.interp(times, np.linspace(0, seconds, 12), rng.uniform(0.3, 1.0, 12))
    return (0.15 * tone * loudness + 0.002 * rng.normal(size=num_samples)).astype(np.float32)
