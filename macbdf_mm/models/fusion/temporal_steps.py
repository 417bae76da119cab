"""What both modalities have in common: one vector per time step, on either one's clock."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from macbdf_mm.errors import ArgumentError
from macbdf_mm.models.layers.step_masks import StepMasks, blank_invalid

# A resampled step is valid if this much of its kernel is; just below a half, for rounding.
_MIN_VALID_SHARE = 0.499


class PooledSteps(NamedTuple):
    """Both maps of a layer, averaged over everything but time.

    Attributes:
        video: (B, T', C).
        audio: (B, T'', C).
    """

    video: Tensor
    audio: Tensor


def pool_steps(video: Tensor, audio: Tensor) -> PooledSteps:
    """Return the video averaged over space and the audio averaged over frequency.

    Args:
        video: Map of the video, (B, C, T', H', W').
        audio: Map of the audio, (B, C, F', T'').

    Raises:
        ValueError: If the axes are not these, or batch or channels differ.
    """
    if video.dim() != 5 or audio.dim() != 4 or video.shape[:2] != audio.shape[:2]:
        raise ArgumentError(
            "Expected a video map (B, C, T, H, W) and an audio map (B, C, F, T) with equal "
            f"B and C, got {tuple(video.shape)} and {tuple(audio.shape)}. Give both towers "
            "the same `embed_dims`."
        )
    return PooledSteps(
        video=video.mean(dim=(3, 4)).transpose(1, 2),
        audio=audio.mean(dim=2).transpose(1, 2),
    )


def blank_steps(steps: PooledSteps, masks: StepMasks) -> PooledSteps:
    """Return the steps with zeros wherever a modality is not valid, whatever stood there.

    Args:
        steps: (B, T', C) and (B, T'', C).
        masks: Valid steps, (B, T') and (B, T'').

    Raises:
        ValueError: If a mask has another batch or number of steps than its modality.
    """
    if masks.video.shape != steps.video.shape[:2] or masks.audio.shape != steps.audio.shape[:2]:
        raise ArgumentError(
            f"Expected masks of shapes {tuple(steps.video.shape[:2])} (video) and "
            f"{tuple(steps.audio.shape[:2])} (audio), got {tuple(masks.video.shape)} and "
            f"{tuple(masks.audio.shape)}. Reduce the masks to the steps of the maps."
        )
    return PooledSteps(
        video=blank_invalid(steps.video, masks.video, time_dim=1),
        audio=blank_invalid(steps.audio, masks.audio, time_dim=1),
    )


def resample_steps(steps: Tensor, mask: Tensor, num_steps: int) -> tuple[Tensor, Tensor]:
    """Return the steps interpolated to another number of steps, and which of them are valid.

    Linear between the centres of the steps. Going to fewer steps, the kernel widens so that
    every step is read. The kernel is renormalised over the valid steps; where less than half
    of it meets valid ones, the result is zero and invalid.

    Args:
        steps: (B, N, C).
        mask: (B, N) bool.
        num_steps: Number of steps M to interpolate to.

    Returns:
        (B, M, C) and (B, M) bool.
    """
    kernel = _resampling_kernel(steps, num_steps)  # (M, N)
    reach = kernel * mask[:, None].to(kernel.dtype)  # (B, M, N)
    share = reach.sum(dim=2, keepdim=True)
    is_valid = share >= _MIN_VALID_SHARE
    reach = (reach / share.clamp(min=_MIN_VALID_SHARE)).masked_fill(~is_valid, 0.0)
    resampled = reach.to(steps.dtype) @ blank_invalid(steps, mask, time_dim=1)
    return resampled, is_valid[..., 0]


def _resampling_kernel(steps: Tensor, num_steps: int) -> Tensor:
    """Return (M, N): how much each of the N steps counts in each of the M resampled ones."""
    dtype = torch.promote_types(steps.dtype, torch.float32)
    identity = torch.eye(steps.shape[1], dtype=dtype, device=steps.device)[None, None]
    resampled = F.interpolate(
        identity, size=(steps.shape[1], num_steps), mode="bilinear", antialias=True
    )
    return resampled[0, 0].t()
