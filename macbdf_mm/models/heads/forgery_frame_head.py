"""The frame-level classifier, Eq. 20."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from macbdf_mm.errors import ArgumentError
from macbdf_mm.models.fusion.temporal_steps import (
    PooledSteps,
    blank_steps,
    pool_steps,
    resample_steps,
)
from macbdf_mm.models.heads.masked_bce import complete_weights, masked_bce
from macbdf_mm.models.layers.step_masks import StepMasks
from macbdf_mm.registry import MODELS
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample

_TARGETS = {"frame_video": "gt_video_steps", "frame_audio": "gt_audio_steps"}


class FrameLogits(NamedTuple):
    """Logits of "fake" on the video's steps, and where they mean something.

    Attributes:
        video: (B, T') float32.
        audio: (B, T') float32.
        video_mask: (B, T') bool, True where the video is valid.
        audio_mask: (B, T') bool, True where about half of a step's audio or more is valid.
    """

    video: Tensor
    audio: Tensor
    video_mask: Tensor
    audio_mask: Tensor


class FrameBranch(nn.Module):
    """An MLP with one logit per step of one modality.

    The MLP has no BatchNorm, unlike the sample head's: its statistics would count the steps
    that are masked.

    Args:
        embed_dims: Channels C of the steps.
        hidden_dims: Width of the hidden layer.
        drop_rate: Dropout of the hidden layer.
    """

    def __init__(self, embed_dims: int, hidden_dims: int, drop_rate: float) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.LayerNorm(embed_dims),
            nn.Linear(embed_dims, hidden_dims),
            nn.ReLU(),
            nn.Dropout(drop_rate),
            nn.Linear(hidden_dims, 1),
        )

    def forward(self, steps: Tensor) -> Tensor:
        """Return the logits of the steps (B, T, C), shape (B, T), float32."""
        return self.mlp(steps)[..., 0].float()


class FrameBranches(nn.Module):
    """One logit per step for the video and one for the audio, each from its own features (Eq. 20).

    Both stand on the video's steps, as the labels do; the audio's features are interpolated.

    Args:
        embed_dims: Channels C of the last layer's maps.
        hidden_dims: Width of each branch's hidden layer; ``embed_dims`` if None.
        drop_rate: Dropout of the hidden layers.
    """

    def __init__(
        self, embed_dims: int, hidden_dims: int | None = None, drop_rate: float = 0.0
    ) -> None:
        super().__init__()
        hidden_dims = embed_dims if hidden_dims is None else hidden_dims
        self.video_branch = FrameBranch(embed_dims, hidden_dims, drop_rate)
        self.audio_branch = FrameBranch(embed_dims, hidden_dims, drop_rate)

    def forward(self, steps: PooledSteps, masks: StepMasks) -> FrameLogits:
        """Return the logits of the last layer's steps after the exchange.

        Args:
            steps: (B, T', C) and (B, T'', C).
            masks: Valid steps, (B, T') and (B, T'').

        Raises:
            ValueError: If a mask has another batch or number of steps than its modality.
        """
        video, audio = blank_steps(steps, masks)
        audio, audio_mask = resample_steps(audio, masks.audio, video.shape[1])
        return FrameLogits(
            video=self.video_branch(video),
            audio=self.audio_branch(audio),
            video_mask=masks.video,
            audio_mask=audio_mask,
        )


@MODELS.register_module()
class ForgeryFrameHead(BaseModule):
    """An MLP branch for each track with one logit per time step (3.4, Eq. 20).

    It reads the last layer's maps after the exchange. Step labels come from the annotated
    intervals; where a data set has none, every step has its clip's label. Both losses belong to
    the unimodal objective of 3.5.

    Args:
        in_channels: Channels C of the maps.
        hidden_channels: Width of each branch's hidden layer; C if None.
        drop_rate: Dropout of the hidden layers.
        loss_weights: Weight of ``frame_video`` and ``frame_audio``; 1 where not named.
        mask_one_class: As in :class:`ForgeryMLPHead`, by the labels of valid steps.
        init_cfg: MMEngine's initialisation.

    Raises:
        ValueError: If ``loss_weights`` names a loss that does not exist.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int | None = None,
        drop_rate: float = 0.0,
        loss_weights: Mapping[str, float] | None = None,
        mask_one_class: bool = True,
        init_cfg: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.loss_weights = complete_weights(loss_weights or {}, _TARGETS)
        self.branches = FrameBranches(in_channels, hidden_channels, drop_rate)
        self.mask_one_class = mask_one_class
        self.known_classes: Tensor
        self.register_buffer("known_classes", torch.zeros(2, len(_TARGETS), dtype=torch.bool))

    def forward(self, maps: tuple[Tensor, Tensor], masks: StepMasks) -> FrameLogits:
        """Return the logits of both tracks on the video's steps, (B, T') each.

        Args:
            maps: The last layer's (B, C, T', H', W') and (B, C, F', T'').
            masks: Valid steps of both.
        """
        return self.branches(pool_steps(*maps), masks)

    def loss(
        self,
        maps: tuple[Tensor, Tensor],
        data_samples: Sequence[ForgeryDataSample],
        masks: StepMasks,
    ) -> dict[str, Tensor]:
        """Return ``loss_frame_video`` and ``loss_frame_audio``: means over known valid steps.

        In training, the classes of the steps are noted in ``known_classes``.

        Args:
            maps: As :meth:`forward`.
            data_samples: B samples with ``gt_video_steps`` and ``gt_audio_steps``, (T',) each.
            masks: As :meth:`forward`.

        Raises:
            ValueError: If a sample lacks step labels, or has another number of them.
        """
        logits = self(maps, masks)
        num_steps = logits.video.shape[1]
        labels = torch.stack([_labels_of(sample, num_steps) for sample in data_samples])
        losses = masked_bce(
            torch.stack([logits.video, logits.audio], dim=2).flatten(0, 1),  # (B*T', 2)
            labels.to(logits.video.device).flatten(0, 1),
            torch.stack([logits.video_mask, logits.audio_mask], dim=2).flatten(0, 1),
            self.known_classes if self.mask_one_class and self.training else None,
        )
        return {
            f"loss_{name}": self.loss_weights[name] * loss
            for name, loss in zip(_TARGETS, losses, strict=True)
        }

    def predict(
        self,
        maps: tuple[Tensor, Tensor],
        data_samples: Sequence[ForgeryDataSample],
        masks: StepMasks,
    ) -> list[ForgeryDataSample]:
        """Return the samples with ``pred_video_steps`` and ``pred_audio_steps``.

        Both are (T',) float32 in [0, 1], NaN at steps where the track was not seen.

        Args:
            maps: As :meth:`forward`.
            data_samples: B samples, written to.
            masks: As :meth:`forward`.
        """
        logits = self(maps, masks)
        video = logits.video.sigmoid().masked_fill(~logits.video_mask, torch.nan)
        audio = logits.audio.sigmoid().masked_fill(~logits.audio_mask, torch.nan)
        for sample, video_steps, audio_steps in zip(data_samples, video, audio, strict=True):
            sample.pred_video_steps, sample.pred_audio_steps = video_steps, audio_steps
        return list(data_samples)


def _labels_of(sample: ForgeryDataSample, num_steps: int) -> Tensor:
    """Return the step labels of video and audio, (T', 2) int64."""
    shapes = {
        name: tuple(sample.get(name).shape) if name in sample else None
        for name in _TARGETS.values()
    }
    if set(shapes.values()) != {(num_steps,)}:
        raise ArgumentError(
            f"Expected data samples with {' and '.join(_TARGETS.values())} of shape "
            f"({num_steps},), one label a step of the video's map, got {shapes}. Set `num_steps` "
            "of PackForgeryInputs to the number of frames over the encoder's `tubelet_size`."
        )
    return torch.stack([sample.get(name) for name in _TARGETS.values()], dim=1)
