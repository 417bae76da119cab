"""The mouth of other speech over the speaker's own, as lip-sync generators leave it."""

import cv2
import numpy as np
import numpy.typing as npt

from macbdf_mm.datasets.forgery.clip import Clip, frame_range
from macbdf_mm.datasets.forgery.regions import (
    crop,
    elliptic_mask,
    lose_detail,
    match_colour,
    mouth_boxes_of,
    noise_level,
    paste,
    pixel_box,
)
from macbdf_mm.datasets.forgery.smooth_noise import draw_smooth_noise
from macbdf_mm.structures.intervals import Interval


def mouth_swap(
    clip: Clip,
    interval: Interval,
    rng: np.random.Generator,
    strength: float = 0.5,
    donor: Clip | None = None,
) -> npt.NDArray[np.uint8]:
    """Return frames whose mouth comes from another time, softened, with a flickering tone.

    With a donor the mouth is the donor's, else the clip's own at another time. See
    :class:`~.clip.Operator` for the arguments.
    """
    start, end = frame_range(clip, interval)
    frames = clip.frames.copy()
    giver = donor or clip
    boxes, giver_boxes = mouth_boxes_of(clip), mouth_boxes_of(giver)
    # Far enough from the clip's own time that the lips say something else.
    offset = int(rng.integers(len(giver.frames) // 4, max(2, 3 * len(giver.frames) // 4)))
    flicker = (0.8 + 3.2 * strength) * draw_smooth_noise(rng, len(frames), 0.5)[0]
    jitter = (0.15 + 0.35 * strength) * draw_smooth_noise(rng, len(frames), 0.6, 2)
    tint = (2 + 6 * strength) * rng.standard_normal(3).astype(np.float32)
    unit = clip.frames.shape[1] / 128
    detail = unit * rng.uniform(1.3, 1.6 + 1.2 * strength)
    softness = rng.uniform(0.2, 0.5)
    noise_share = rng.uniform(0.6, 1.1)
    grow = rng.uniform(1.4, 1.8)
    for index in range(start, end):
        box = pixel_box(boxes[index], frames.shape[1:], grow, unit * jitter[:, index])
        target = crop(frames[index], box).astype(np.float32)
        turn = (index + offset) % len(giver.frames)
        source = crop(
            giver.frames[turn], pixel_box(giver_boxes[turn], giver.frames.shape[1:], grow)
        )
        patch = cv2.resize(source, target.shape[1::-1]).astype(np.float32)
        patch = match_colour(lose_detail(patch, detail), target, share=0.3)
        patch += tint + flicker[index]
        mask = elliptic_mask(target.shape[0], target.shape[1], softness)
        noise = noise_share * noise_level(clip.frames[index])
        paste(frames[index], box, patch, mask, noise, rng)
    return frames
