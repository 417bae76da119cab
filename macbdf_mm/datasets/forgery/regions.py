"""Where the face is, and how a changed region is put back: boxes, masks, colour, noise."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from macbdf_mm.datasets.forgery.clip import Clip

Box = tuple[int, int, int, int]
Patch = npt.NDArray[Any]

# Where a face mostly is in a portrait, and the mouth in a face: left, top, right, bottom.
_FACE_SHARE = np.array([0.27, 0.18, 0.73, 0.80])
_MOUTH_SHARE = np.array([0.22, 0.62, 0.78, 0.92])


def face_boxes_of(clip: Clip) -> npt.NDArray[np.float32]:
    """Return the clip's face boxes, or a central region where it has none; shape (T, 4)."""
    if clip.face_boxes is not None:
        return clip.face_boxes
    height, width = clip.frames.shape[1:3]
    box = _FACE_SHARE * np.array([width, height, width, height])
    return np.tile(box.astype(np.float32), (len(clip.frames), 1))


def mouth_boxes_of(clip: Clip) -> npt.NDArray[np.float32]:
    """Return the clip's mouth boxes, or the lower part of its faces; shape (T, 4)."""
    if clip.mouth_boxes is not None:
        return clip.mouth_boxes
    faces = face_boxes_of(clip)
    sizes = faces[:, [2, 3, 2, 3]] - faces[:, [0, 1, 0, 1]]
    return (faces[:, [0, 1, 0, 1]] + sizes * _MOUTH_SHARE).astype(np.float32)


def pixel_box(
    box: npt.ArrayLike, frame_shape: tuple[int, ...], grow: float = 1.0, shift: npt.ArrayLike = 0
) -> Box:
    """Return a box in whole pixels inside the frame, at least 4 pixels wide and high.

    Args:
        box: Left, top, right, bottom.
        frame_shape: Height, width, ... of the frame.
        grow: Factor on width and height about the centre.
        shift: Added to the centre, x and y, in pixels.
    """
    left, top, right, bottom = np.asarray(box, dtype=np.float64)
    centre = np.array([left + right, top + bottom]) / 2 + np.asarray(shift)
    half = np.maximum(np.array([right - left, bottom - top]) / 2 * grow, 2.0)
    height, width = frame_shape[:2]
    low = np.round(centre - half).clip(0, [width - 4, height - 4]).astype(int)
    high = np.round(centre + half).astype(int)
    high = np.minimum(np.maximum(high, low + 4), [width, height])
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def crop(frame: npt.NDArray[np.uint8], box: Box) -> npt.NDArray[np.uint8]:
    """Return the view of the frame inside the box."""
    left, top, right, bottom = box
    return frame[top:bottom, left:right]


def elliptic_mask(height: int, width: int, softness: float) -> Patch:
    """Return a mask that falls from 1 to 0 at an ellipse's rim, shape (height, width, 1).

    Args:
        height: Of the mask, in pixels.
        width: Of the mask, in pixels.
        softness: Share of the radius over which it falls.
    """
    y = (2 * np.arange(height, dtype=np.float32) + 1) / height - 1
    x = (2 * np.arange(width, dtype=np.float32) + 1) / width - 1
    radius = np.sqrt(x[None, :] ** 2 + y[:, None] ** 2)
    return ((1 - radius) / max(softness, 1e-3)).clip(0, 1)[..., None]


def lose_detail(patch: Patch, factor: float) -> Patch:
    """Return the patch scaled down by ``factor`` and up again, same shape."""
    height, width = patch.shape[:2]
    small = (max(3, round(width / factor)), max(3, round(height / factor)))
    reduced = cv2.resize(patch, small, interpolation=cv2.INTER_AREA)
    return cv2.resize(reduced, (width, height), interpolation=cv2.INTER_CUBIC)


def match_colour(patch: Patch, target: Patch, share: float) -> Patch:
    """Return the patch with mean and contrast of each channel moved towards the target's.

    Args:
        patch: Shape (h, w, 3).
        target: Shape (h', w', 3).
        share: 0 leaves the contrast, 1 matches it; the mean is always matched.
    """
    mean, spread = patch.mean(axis=(0, 1)), patch.std(axis=(0, 1))
    gain = 1 + share * (target.std(axis=(0, 1)) / np.maximum(spread, 1.0) - 1)
    return (patch - mean) * gain.clip(0.4, 2.0) + target.mean(axis=(0, 1))


def noise_level(patch: npt.NDArray[np.uint8]) -> float:
    """Return the standard deviation of the fine noise in grey levels, after Immerkaer (1996)."""
    grey = patch.mean(axis=2, dtype=np.float32)
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    response = cv2.filter2D(grey, -1, kernel)[1:-1, 1:-1]
    # The mean of three channels has 1/sqrt(3) of one channel's noise.
    return float(np.sqrt(3) * np.median(np.abs(response)) / 0.6745 / 6)


def paste(
    frame: npt.NDArray[np.uint8],
    box: Box,
    patch: Patch,
    mask: Patch,
    noise_std: float,
    rng: np.random.Generator,
) -> None:
    """Blend the patch into the frame in place, with fresh noise where it lies.

    Args:
        frame: Shape (H, W, 3).
        box: Where; its size is the patch's.
        patch: Grey levels of 255, shape (h, w, 3).
        mask: Share of the patch, shape (h, w, 1).
        noise_std: Of the noise that the patch gets, in grey levels.
        rng: Where the noise comes from.
    """
    area = crop(frame, box)
    noisy = patch + noise_std * rng.standard_normal(patch.shape, dtype=np.float32)
    area[:] = np.round(area + mask * (noisy - area)).clip(0, 255).astype(np.uint8)
