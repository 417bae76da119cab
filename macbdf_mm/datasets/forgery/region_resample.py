"""Part of the face sampled anew in space and time: frames held, detail lost on a grid."""

import cv2
import numpy as np
import numpy.typing as npt

from macbdf_mm.datasets.forgery.clip import Clip, frame_range
from macbdf_mm.datasets.forgery.regions import (
    crop,
    elliptic_mask,
    face_boxes_of,
    lose_detail,
    noise_level,
    paste,
    pixel_box,
)
from macbdf_mm.datasets.forgery.smooth_noise import draw_smooth_noise
from macbdf_mm.structures.intervals import Interval


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
    start, end = frame_range(clip, interval)
    frames = clip.frames.copy()
    boxes = face_boxes_of(clip)
    hold = int(rng.integers(3, 5 + round(3 * strength)))
    unit = clip.frames.shape[1] / 128
    detail = unit * rng.uniform(1.3, 1.6 + 1.2 * strength)
    grow = rng.uniform(0.65, 0.95)
    tone = (1 + 3 * strength) * draw_smooth_noise(rng, len(frames), 0.0, 3).T
    softness = rng.uniform(0.15, 0.4)
    noise_share = rng.uniform(0.6, 1.1)
    held = start
    for index in range(start, end):
        if (index - start) % hold == 0:
            held = index
        box = pixel_box(boxes[index], frames.shape[1:], grow)
        left, top, right, bottom = box
        source = crop(clip.frames[held], pixel_box(boxes[held], frames.shape[1:], grow))
        patch = cv2.resize(source, (right - left, bottom - top)).astype(np.float32)
        patch = lose_detail(patch, detail) + tone[held]
        mask = elliptic_mask(bottom - top, right - left, softness)
        paste(frames[index], box, patch, mask, noise_share * noise_level(clip.frames[index]), rng)
    return frames
