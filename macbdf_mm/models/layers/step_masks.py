"""Which time steps of a clip hold media, and what follows from that for tensors."""

from typing import NamedTuple

import torch
from torch import Tensor

from macbdf_mm.errors import ArgumentError

# The time axis of a map by the number of axes of its grid: (B, C, T, H, W) and (B, C, F, T).
TIME_DIMS = {3: 2, 2: 3}


class StepMasks(NamedTuple):
    """Valid steps of both tracks.

    Attributes:
        video: (B, T') bool, True where the step holds at least one decoded frame.
        audio: (B, T'') bool, True where the step holds at least one valid frame of sound.
        is_video_full: Whether all of ``video`` is known to be True, without looking at it.
        is_audio_full: Likewise of ``audio``.
    """

    video: Tensor
    audio: Tensor
    is_video_full: bool = False
    is_audio_full: bool = False

    @property
    def where_needed(self) -> tuple[Tensor | None, Tensor | None]:
        """Return the masks of video and audio for layers, None for a track that is full."""
        return (
            None if self.is_video_full else self.video,
            None if self.is_audio_full else self.audio,
        )

    @property
    def seen(self) -> Tensor:
        """Return (B, 2) bool: whether anything of the video, of the audio, was there."""
        return torch.stack([self.video.any(dim=1), self.audio.any(dim=1)], dim=1)


def step_mask(frame_mask: Tensor, num_steps: int) -> Tensor:
    """Return (B, num_steps) bool: the steps in which at least one frame is valid.

    Args:
        frame_mask: (B, T) bool, T a multiple of ``num_steps``.
        num_steps: Number of steps along the map's time axis.

    Raises:
        ValueError: If the frames do not divide into ``num_steps`` equal steps.
    """
    batch, num_frames = frame_mask.shape
    if num_steps < 1 or num_frames % num_steps:
        raise ArgumentError(
            f"Expected a mask over a multiple of {num_steps} steps, got {num_frames} frames. "
            "Give the mask the length of the input that the encoder saw."
        )
    return frame_mask.reshape(batch, num_steps, -1).any(dim=2)


def along_time(mask: Tensor, num_dims: int, time_dim: int) -> Tensor:
    """Return the mask as a view that broadcasts over a map.

    Args:
        mask: (B, T) bool.
        num_dims: Number of axes of the map, its batch axis included.
        time_dim: The map's time axis.

    Returns:
        (B, 1, ..., T, ..., 1) bool with T at ``time_dim``.
    """
    shape = [1] * num_dims
    shape[0], shape[time_dim] = mask.shape
    return mask.reshape(shape)


def blank_invalid(x: Tensor, mask: Tensor | None, time_dim: int) -> Tensor:
    """Return ``x`` with zeros wherever the mask is False along the time axis.

    What stood there has no influence, NaN and infinity included: it is overwritten, not
    multiplied by zero.

    Args:
        x: (B, ..., T, ...) with T at ``time_dim``.
        mask: (B, T) bool, or None if everything is valid.
        time_dim: The time axis of ``x``.

    Raises:
        ValueError: If the mask has another batch or length than ``x``.
    """
    if mask is None:
        return x
    _check_fit(x, mask, time_dim)
    return x.masked_fill(~along_time(mask, x.dim(), time_dim), 0.0)


def silence_invalid(x: Tensor, mask: Tensor | None, time_dim: int) -> Tensor:
    """Return what :func:`blank_invalid` does of an ``x`` that is finite, three times as fast.

    For maps within a network, whose input was blanked: a convolution then reads zeros beyond the
    last valid step, as beyond the end of a clip. Arguments and errors are the same.
    """
    if mask is None:
        return x
    _check_fit(x, mask, time_dim)
    return x * along_time(mask, x.dim(), time_dim).to(x.dtype)


def masked_mean(x: Tensor, mask: Tensor, time_dim: int) -> Tensor:
    """Return (B, C): the mean of a map over its valid steps and all other positions.

    Computed in float32. A clip without a valid step gives zeros.

    Args:
        x: (B, C, ...) with the time axis at ``time_dim``.
        mask: (B, T') bool.
        time_dim: The time axis of ``x``.

    Raises:
        ValueError: If the mask has another batch or length than ``x``.
    """
    _check_fit(x, mask, time_dim)
    positions = [dim for dim in range(2, x.dim()) if dim != time_dim]
    per_step = x.float().mean(dim=positions) if positions else x.float()  # (B, C, T')
    total = per_step.masked_fill(~mask[:, None], 0.0).sum(dim=2)
    return total / mask.sum(dim=1, keepdim=True).clamp(min=1)


def _check_fit(x: Tensor, mask: Tensor, time_dim: int) -> None:
    """Raise ValueError unless the mask has a value for each clip and step; (B, 1) would spread."""
    expected = (x.shape[0], x.shape[time_dim])
    if tuple(mask.shape) != expected:
        raise ArgumentError(
            f"Expected a mask (B, T) of shape {expected} for a tensor of shape {tuple(x.shape)}, "
            f"got {tuple(mask.shape)}."
        )
