"""The lower face drawn anew from a few learned patterns, as a small generator would."""

import cv2
import numpy as np
import numpy.typing as npt

from macbdf_mm.datasets.forgery.clip import Clip, frame_range
from macbdf_mm.datasets.forgery.regions import (
    crop,
    elliptic_mask,
    match_colour,
    mouth_boxes_of,
    noise_level,
    paste,
    pixel_box,
)
from macbdf_mm.datasets.forgery.smooth_noise import draw_smooth_noise
from macbdf_mm.structures.intervals import Interval

_SIDE = 24
"""Patterns are learned at this resolution, in pixels."""


def mouth_rerender(
    clip: Clip,
    interval: Interval,
    rng: np.random.Generator,
    strength: float = 0.5,
    donor: Clip | None = None,
) -> npt.NDArray[np.uint8]:
    """Return frames whose mouth is rebuilt from a few principal components of its looks.

    The components are learned from the clip itself; the motion along them is that of the
    donor, or of another time of the clip, with an unsteadiness that grows with the strength.
    See :class:`~.clip.Operator` for the arguments.
    """
    start, end = frame_range(clip, interval)
    frames = clip.frames.copy()
    boxes = mouth_boxes_of(clip)
    grow = rng.uniform(1.5, 1.9)
    looks = _mouth_looks(clip, grow)
    num_patterns = min(int(rng.integers(3, 7)), len(looks))
    mean = looks.mean(axis=0)
    _, _, patterns = np.linalg.svd(looks - mean, full_matrices=False)
    patterns = patterns[:num_patterns]
    # The sign of a component is arbitrary and differs between numbers of threads.
    patterns *= np.where(patterns.sum(axis=1, keepdims=True) < 0, -1, 1)
    motion = (looks - mean) @ patterns.T  # (T, K)
    driver = (_mouth_looks(donor, grow) - mean) @ patterns.T if donor else motion
    driver = _rescale(driver, motion)
    offset = int(rng.integers(len(driver) // 4, max(2, 3 * len(driver) // 4)))
    unsteady = draw_smooth_noise(rng, len(frames), 0.5, num_patterns).T
    unsteady *= (0.12 + 0.3 * strength) * motion.std(axis=0)
    flicker = (1 + 4 * strength) * draw_smooth_noise(rng, len(frames), 0.5)[0]
    tint = (2 + 6.5 * strength) * rng.standard_normal(3).astype(np.float32)
    softness = rng.uniform(0.2, 0.5)
    noise_share = rng.uniform(0.6, 1.1)
    for index in range(start, end):
        box = pixel_box(boxes[index], frames.shape[1:], grow)
        target = crop(frames[index], box).astype(np.float32)
        weights = driver[(index + offset) % len(driver)] + unsteady[index]
        look = (mean + weights @ patterns).reshape(_SIDE, _SIDE, 3).astype(np.float32)
        patch = cv2.resize(look, target.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        patch = match_colour(patch, target, share=0.3) + tint + flicker[index]
        mask = elliptic_mask(target.shape[0], target.shape[1], softness)
        noise = noise_share * noise_level(clip.frames[index])
        paste(frames[index], box, patch, mask, noise, rng)
    return frames


def _mouth_looks(clip: Clip, grow: float) -> npt.NDArray[np.float32]:
    """Return the mouths of all frames at one size, shape (T, 24 * 24 * 3)."""
    boxes = mouth_boxes_of(clip)
    looks = [
        cv2.resize(crop(frame, pixel_box(box, frame.shape, grow)), (_SIDE, _SIDE))
        for frame, box in zip(clip.frames, boxes, strict=True)
    ]
    return np.stack(looks).reshape(len(looks), -1).astype(np.float32)


def _rescale(driver: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Return the driver with the mean and spread of the clip's own motion, shape (T', K)."""
    spread = np.maximum(driver.std(axis=0), 1e-3)
    return (driver - driver.mean(axis=0)) / spread * motion.std(axis=0) + motion.mean(axis=0)
