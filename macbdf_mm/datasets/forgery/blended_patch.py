"""Another face pasted over the face: colour, resolution and place do not quite fit."""

import cv2
import numpy as np
import numpy.typing as npt

from macbdf_mm.datasets.forgery.clip import Clip, frame_range
from macbdf_mm.datasets.forgery.regions import (
    crop,
    elliptic_mask,
    face_boxes_of,
    lose_detail,
    match_colour,
    noise_level,
    paste,
    pixel_box,
)
from macbdf_mm.datasets.forgery.smooth_noise import draw_smooth_noise
from macbdf_mm.structures.intervals import Interval


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
    start, end = frame_range(clip, interval)
    frames = clip.frames.copy()
    giver = donor or clip
    boxes, giver_boxes = face_boxes_of(clip), face_boxes_of(giver)
    offset = int(rng.integers(len(giver.frames)))
    tint = (2 + 8 * strength) * rng.standard_normal(3).astype(np.float32)
    flicker = (0.5 + 2 * strength) * draw_smooth_noise(rng, len(frames), 0.6)[0]
    jitter = (0.1 + 0.3 * strength) * draw_smooth_noise(rng, len(frames), 0.6, 2)
    unit = clip.frames.shape[1] / 128  # jitter and detail are stated for frames 128 high
    detail = unit * rng.uniform(1.3, 1.6 + 1.2 * strength)
    softness = rng.uniform(0.15, 0.5 - 0.25 * strength)
    noise_share = rng.uniform(0.6, 1.1)
    for index in range(start, end):
        box = pixel_box(boxes[index], frames.shape[1:], 0.86, unit * jitter[:, index])
        target = crop(frames[index], box).astype(np.float32)
        turn = (index + offset) % len(giver.frames)
        source = crop(
            giver.frames[turn], pixel_box(giver_boxes[turn], giver.frames.shape[1:], 0.86)
        )
        patch = cv2.resize(source, target.shape[1::-1]).astype(np.float32)
        patch = match_colour(lose_detail(patch, detail), target, share=0.7)
        patch += tint + flicker[index]
        mask = elliptic_mask(target.shape[0], target.shape[1], softness)
        noise = noise_share * noise_level(clip.frames[index])
        paste(frames[index], box, patch, mask, noise, rng)
    return frames
