"""Differences between neighbouring frames as further channels of a video."""

import torch
from torch import Tensor


def append_frame_difference(video: Tensor, mask: Tensor | None, gain: float) -> Tensor:
    """Return the video with ``gain`` times its change since the frame before, (B, 2C, T, H, W).

    What a forgery adds flickers and slides against the face, while skin, background and
    lighting hardly change within a step: their common part cancels in the difference. A
    network trained from scratch on few clips finds it far sooner there.

    The first frame, and a frame that is invalid or follows an invalid one, has difference 0.

    Args:
        video: (B, C, T, H, W), zero where frames are invalid.
        mask: (B, T) bool, True for valid frames; None if all are.
        gain: Factor of the difference, to bring it to the range of the frames.
    """
    change = gain * (video[:, :, 1:] - video[:, :, :-1])
    if mask is not None:
        both_valid = mask[:, 1:] & mask[:, :-1]  # (B, T-1)
        change = change.masked_fill(~both_valid[:, None, :, None, None], 0.0)
    first = torch.zeros_like(video[:, :, :1])
    return torch.cat([video, torch.cat([first, change], dim=2)], dim=1)
