"""Normalised frames and log-mel spectrograms of a batch."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from macbdf_mm.errors import ArgumentError
from macbdf_mm.models.layers.log_mel import LogMel
from macbdf_mm.models.layers.step_masks import blank_invalid
from macbdf_mm.registry import MODELS

# ImageNet's statistics, which VideoMAE was trained with.
_RGB_MEAN = (123.675, 116.28, 103.53)
_RGB_STD = (58.395, 57.12, 57.375)


@MODELS.register_module()
class ForgeryDataPreprocessor(BaseDataPreprocessor):
    """Moves a batch to the model's device, normalises frames, computes log-mel spectrograms.

    Padding is zero after normalisation, whatever the file or the decoder left there.

    Args:
        mean: Mean of R, G and B in [0, 255].
        std: Standard deviation of R, G and B.
        log_mel: Arguments of :class:`macbdf_mm.models.layers.log_mel.LogMel`.
        mel_mean: Mean of the log-mel values, taken off; speech at usual levels has about -4.
        mel_std: Their standard deviation, divided by.
        non_blocking: Whether to copy to the device asynchronously.

    Raises:
        ValueError: If a standard deviation is not positive.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        mean: Sequence[float] = _RGB_MEAN,
        std: Sequence[float] = _RGB_STD,
        log_mel: Mapping[str, Any] | None = None,
        mel_mean: float = -4.0,
        mel_std: float = 4.0,
        non_blocking: bool = False,
    ) -> None:
        super().__init__(non_blocking)
        if min(*std, mel_std) <= 0:
            raise ArgumentError(
                f"Expected `std` and `mel_std` > 0, got {tuple(std)} and {mel_std}."
            )
        if len(mean) != 3 or len(std) != 3:
            raise ArgumentError(
                f"Expected `mean` and `std` of R, G and B, got {tuple(mean)} and {tuple(std)}."
            )
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1, 1), persistent=False)
        self.log_mel = LogMel(**(log_mel or {}))
        self.mel_mean = mel_mean
        self.mel_std = mel_std

    def forward(self, data: Mapping[str, Any], training: bool = False) -> dict[str, Any]:
        """Return ``inputs`` as batched tensors, and ``data_samples`` as they came.

        Args:
            data: As MMEngine's ``pseudo_collate`` makes it; ``inputs`` has lists of
                ``video`` (3, T, H, W) uint8, ``video_mask`` (T,) bool,
                ``waveform`` (S,) float32 and ``audio_mask`` (S,) bool.
            training: Not used; augmentation is the pipeline's.

        Returns:
            ``data_samples`` (or None) and ``inputs``: ``video`` (B, 3, T, H, W) float32,
            ``video_mask`` (B, T) bool, ``spectrogram`` (B, 1, F, N) float32 and
            ``audio_mask`` (B, N) bool, N = S // hop; ``is_video_full`` and ``is_audio_full`` bool,
            whether all of the batch is known to be valid.

        Raises:
            ValueError: If the clips of a batch differ in shape.
        """
        # Masks come on the CPU. Asked later, the answer would have to be waited for.
        is_video_full = _is_full(data["inputs"]["video_mask"])
        is_audio_full = _is_full(data["inputs"]["audio_mask"])
        data = self.cast_data(data)
        tracks: dict[str, Any] = {
            name: _stack(name, tensors) for name, tensors in data["inputs"].items()
        }
        return {
            "inputs": self.prepare(
                **tracks, is_video_full=is_video_full, is_audio_full=is_audio_full
            ),
            "data_samples": data.get("data_samples"),
        }

    def prepare(
        self,
        video: Tensor,
        video_mask: Tensor,
        waveform: Tensor,
        audio_mask: Tensor,
        is_video_full: bool = False,
        is_audio_full: bool = False,
    ) -> dict[str, Any]:
        """Return what the model takes, of batched tracks.

        Args:
            video: (B, 3, T, H, W) uint8.
            video_mask: (B, T) bool.
            waveform: (B, S) float32.
            audio_mask: (B, S) bool.
            is_video_full: Whether all of ``video_mask`` is known to be True.
            is_audio_full: Likewise of ``audio_mask``.

        Raises:
            ValueError: If the axes are others: the mean of a channel would be taken off a frame.
        """
        if video.dim() != 5 or video.shape[1] != 3 or waveform.dim() != 2:
            raise ArgumentError(
                "Expected a batch of `video` (B, 3, T, H, W) and `waveform` (B, S), as "
                f"PackForgeryInputs makes it, got shapes {tuple(video.shape)} and "
                f"{tuple(waveform.shape)}."
            )
        frames = (video.float() - self.mean) / self.std
        spectrogram = self.log_mel(waveform, None if is_audio_full else audio_mask)
        spectrogram = (spectrogram[:, None] - self.mel_mean) / self.mel_std
        audio_mask = self._frame_mask(audio_mask, spectrogram.shape[3])
        if not is_video_full:
            frames = blank_invalid(frames, video_mask, time_dim=2)
        if not is_audio_full:
            spectrogram = blank_invalid(spectrogram, audio_mask, time_dim=3)
        return {
            "video": frames,
            "video_mask": video_mask,
            "spectrogram": spectrogram,
            "audio_mask": audio_mask,
            "is_video_full": is_video_full,
            "is_audio_full": is_audio_full,
        }

    def _frame_mask(self, sample_mask: Tensor, num_frames: int) -> Tensor:
        """Return the mask (B, N) of a spectrogram's frames.

        A frame is valid if at least half of the ``hop_length`` samples that it stands for are.
        """
        hop = self.log_mel.hop_length
        per_frame = sample_mask[:, : num_frames * hop].unflatten(1, (num_frames, hop))
        return per_frame.float().mean(dim=2) >= 0.5


def _is_full(masks: Sequence[Tensor]) -> bool:
    """Return whether masks are known to be True throughout; those on a GPU are not looked at."""
    return all(mask.is_cpu and mask.numpy().all() for mask in masks)


def _stack(name: str, tensors: Sequence[Tensor]) -> Tensor:
    """Return the tensors of a batch with a batch axis."""
    shapes = {tuple(tensor.shape) for tensor in tensors}
    if len(shapes) != 1:
        raise ArgumentError(
            f"Expected clips of one shape in a batch, got `{name}` of {sorted(shapes)}. "
            "Let the pipeline resize and crop all clips to the same size."
        )
    return torch.stack(list(tensors))
