"""Video operators: another face or mouth, a rebuilt mouth, a region sampled anew.

Each draws a patch for every frame of the interval, which is pasted over the face.
"""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from macbdf_mm.datasets.forgery.clip import Clip, frame_range
from macbdf_mm.datasets.forgery.regions import (
    Patch,
    crop,
    elliptic_mask,
    face_boxes_of,
    lose_detail,
    match_colour,
    mouth_boxes_of,
    noise_level,
    paste,
    pixel_box,
)
from macbdf_mm.datasets.forgery.smooth_noise import draw_smooth_noise
from macbdf_mm.structures.intervals import Interval

_SIDE = 24
"""Patterns of a mouth are learned at this resolution, in pixels."""


def blended_patch(
    clip: Clip,
    interval: Interval,
    rng: np.random.Generator,
    strength: float = 0.5,
    donor: Clip | None = None,
) -> npt.NDArray[np.uint8]:
    """Return frames with the donor's face over the clip's own, as face swapping leaves them.

    The patch has less detail, a residue of colour, a soft rim, and it flickers: its gain and
    place change from frame to frame. Without a donor the face comes from another time of the
    same clip. See :class:`~.clip.Operator` for the arguments.
    """
    indices = range(*frame_range(clip, interval))
    giver = donor or clip
    boxes, giver_boxes = face_boxes_of(clip), face_boxes_of(giver)
    offset = int(rng.integers(len(giver.frames)))
    tint = (2 + 8 * strength) * rng.standard_normal(3).astype(np.float32)
    flicker = (0.5 + 2 * strength) * draw_smooth_noise(rng, len(clip.frames), 0.6)[0]
    jitter = (0.1 + 0.3 * strength) * draw_smooth_noise(rng, len(clip.frames), 0.6, 2)
    unit = _unit(clip)
    detail = unit * rng.uniform(1.3, 1.6 + 1.2 * strength)
    softness = rng.uniform(0.15, 0.5 - 0.25 * strength)
    noise_share = rng.uniform(0.6, 1.1)

    def draw(index: int, target: Patch) -> Patch:
        patch = _look(giver, giver_boxes, (index + offset) % len(giver.frames), 0.86, target.shape)
        patch = match_colour(lose_detail(patch, detail), target, share=0.7)
        return patch + (tint + flicker[index])

    return _paste_each(clip, indices, boxes, 0.86, draw, softness, noise_share, rng, unit * jitter)


def mouth_swap(
    clip: Clip,
    interval: Interval,
    rng: np.random.Generator,
    strength: float = 0.5,
    donor: Clip | None = None,
) -> npt.NDArray[np.uint8]:
    """Return frames whose mouth comes from another time, softened, with a flickering tone.

    As lip-sync generators leave it. With a donor the mouth is the donor's, else the clip's own
    at another time. See :class:`~.clip.Operator` for the arguments.
    """
    indices = range(*frame_range(clip, interval))
    giver = donor or clip
    boxes, giver_boxes = mouth_boxes_of(clip), mouth_boxes_of(giver)
    offset = _other_time(len(giver.frames), rng)
    flicker = (0.8 + 3.2 * strength) * draw_smooth_noise(rng, len(clip.frames), 0.5)[0]
    jitter = (0.15 + 0.35 * strength) * draw_smooth_noise(rng, len(clip.frames), 0.6, 2)
    tint = (2 + 6 * strength) * rng.standard_normal(3).astype(np.float32)
    unit = _unit(clip)
    detail = unit * rng.uniform(1.3, 1.6 + 1.2 * strength)
    softness = rng.uniform(0.2, 0.5)
    noise_share = rng.uniform(0.6, 1.1)
    grow = rng.uniform(1.4, 1.8)

    def draw(index: int, target: Patch) -> Patch:
        patch = _look(giver, giver_boxes, (index + offset) % len(giver.frames), grow, target.shape)
        patch = match_colour(lose_detail(patch, detail), target, share=0.3)
        return patch + (tint + flicker[index])

    return _paste_each(clip, indices, boxes, grow, draw, softness, noise_share, rng, unit * jitter)


def region_resample(
    clip: Clip,
    interval: Interval,
    rng: np.random.Generator,
    strength: float = 0.5,
    donor: Clip | None = None,
) -> npt.NDArray[np.uint8]:
    """Return frames in which a region of the face runs at a lower frame rate and resolution.

    Each look of the region is held for several frames while the rest moves on, and its tone
    is a little different each time. The donor is not used. See :class:`~.clip.Operator`.
    """
    indices = range(*frame_range(clip, interval))
    boxes = face_boxes_of(clip)
    hold = int(rng.integers(3, 5 + round(3 * strength)))
    detail = _unit(clip) * rng.uniform(1.3, 1.6 + 1.2 * strength)
    grow = rng.uniform(0.65, 0.95)
    tone = (1 + 3 * strength) * draw_smooth_noise(rng, len(clip.frames), 0.0, 3).T
    softness = rng.uniform(0.15, 0.4)
    noise_share = rng.uniform(0.6, 1.1)

    def draw(index: int, target: Patch) -> Patch:
        held = index - (index - indices.start) % hold
        return lose_detail(_look(clip, boxes, held, grow, target.shape), detail) + tone[held]

    return _paste_each(clip, indices, boxes, grow, draw, softness, noise_share, rng)


def mouth_rerender(
    clip: Clip,
    interval: Interval,
    rng: np.random.Generator,
    strength: float = 0.5,
    donor: Clip | None = None,
) -> npt.NDArray[np.uint8]:
    """Return frames whose mouth is rebuilt from a few principal components of its looks.

    As a small generator would. The components are learned from the clip itself; the motion
    along them is that of the donor, or of another time of the clip, with an unsteadiness that
    grows with the strength. See :class:`~.clip.Operator` for the arguments.
    """
    indices = range(*frame_range(clip, interval))
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
    offset = _other_time(len(driver), rng)
    unsteady = draw_smooth_noise(rng, len(clip.frames), 0.5, num_patterns).T
    unsteady *= (0.12 + 0.3 * strength) * motion.std(axis=0)
    flicker = (1 + 4 * strength) * draw_smooth_noise(rng, len(clip.frames), 0.5)[0]
    tint = (2 + 6.5 * strength) * rng.standard_normal(3).astype(np.float32)
    softness = rng.uniform(0.2, 0.5)
    noise_share = rng.uniform(0.6, 1.1)

    def draw(index: int, target: Patch) -> Patch:
        weights = driver[(index + offset) % len(driver)] + unsteady[index]
        look = (mean + weights @ patterns).reshape(_SIDE, _SIDE, 3).astype(np.float32)
        patch = cv2.resize(look, target.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        return match_colour(patch, target, share=0.3) + tint + flicker[index]

    return _paste_each(clip, indices, boxes, grow, draw, softness, noise_share, rng)


def _paste_each(
    clip: Clip,
    indices: range,
    boxes: npt.NDArray[np.float32],
    grow: float,
    draw: Callable[[int, Patch], Patch],
    softness: float,
    noise_share: float,
    rng: np.random.Generator,
    jitter: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.uint8]:
    """Return the clip's frames, each of some with a patch and with noise of the frame's level.

    Args:
        clip: The clip to forge.
        indices: Of the frames that change.
        boxes: Where the patches go, shape (T, 4).
        grow: Factor on the sides of the boxes.
        draw: Returns the patch of a frame by its index and by what it covers, (h, w, 3).
        softness: Of the patch's rim.
        noise_share: Level of the noise over the frame's.
        rng: Where the noise comes from.
        jitter: By how much each patch is off its place, in pixels, shape (2, T).
    """
    frames = clip.frames.copy()
    for index in indices:
        shift = 0 if jitter is None else jitter[:, index]
        box = pixel_box(boxes[index], frames.shape[1:], grow, shift)
        target = crop(frames[index], box).astype(np.float32)
        patch = draw(index, target)
        mask = elliptic_mask(target.shape[0], target.shape[1], softness)
        noise_std = noise_share * noise_level(clip.frames[index])
        paste(frames[index], box, patch, mask, noise_std, rng)
    return frames


def _unit(clip: Clip) -> float:
    """Return how many pixels one is whose number is stated for frames 128 high."""
    return clip.frames.shape[1] / 128


def _other_time(num_frames: int, rng: np.random.Generator) -> int:
    """Return an offset far enough from the clip's own time that the lips say something else."""
    return int(rng.integers(num_frames // 4, max(2, 3 * num_frames // 4)))


def _look(
    clip: Clip, boxes: npt.NDArray[np.float32], index: int, grow: float, shape: tuple[int, ...]
) -> Patch:
    """Return what a box of a frame shows at another height and width, float32."""
    source = crop(clip.frames[index], pixel_box(boxes[index], clip.frames.shape[1:], grow))
    return cv2.resize(source, shape[1::-1]).astype(np.float32)


def _mouth_looks(clip: Clip, grow: float) -> npt.NDArray[np.float32]:
    """Return the mouths of all frames at one size, shape (T, 24 * 24 * 3)."""
    boxes, shape = mouth_boxes_of(clip), (_SIDE, _SIDE)
    looks = [_look(clip, boxes, index, grow, shape) for index in range(len(clip.frames))]
    return np.stack(looks).reshape(len(looks), -1)


def _rescale(driver: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Return the driver with the mean and spread of the clip's own motion, shape (T', K)."""
    spread = np.maximum(driver.std(axis=0), 1e-3)
    return (driver - driver.mean(axis=0)) / spread * motion.std(axis=0) + motion.mean(axis=0)
