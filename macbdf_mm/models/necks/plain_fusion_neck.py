"""Fusion by concatenation: the baseline without contrast, weights, exchange and RFMF."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from macbdf_mm.models.layers.step_masks import StepMasks, masked_mean
from macbdf_mm.registry import MODELS
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample


@MODELS.register_module()
class PlainFusionNeck(BaseModule):
    """Masked means of both towers' last maps, side by side.

    A track that is not there is replaced by a learnt embedding, so that nothing of its tensor
    reaches the verdict.

    Args:
        video_channels: Channels C_v of the video tower's maps.
        audio_channels: Channels C_a of the audio tower's maps.
        depth: Number of layers of the towers, which every neck is told; any will do here.
        init_cfg: MMEngine's initialisation.

    Attributes:
        out_channels: C_v + C_a.
    """

    def __init__(
        self,
        video_channels: int,
        audio_channels: int,
        depth: int = 0,
        init_cfg: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.out_channels = video_channels + audio_channels
        self.missing_video = nn.Parameter(torch.zeros(video_channels))
        self.missing_audio = nn.Parameter(torch.zeros(audio_channels))

    def embed(self, video: Tensor, audio: Tensor, masks: StepMasks) -> None:
        """Return None: there is no contrastive learning to embed for."""
        return None

    def weigh(
        self, video: Tensor, audio: Tensor, embeddings: None, masks: StepMasks
    ) -> tuple[Tensor, Tensor]:
        """Return the weights of video and audio, (B,) each: one half, as in 3.2.2 without w.

        Args:
            video: The video encoder's map, (B, C_v, T', H', W').
            audio: The audio encoder's map, (B, C_a, F', T'').
            embeddings: What :meth:`embed` returned.
            masks: Valid steps of both.
        """
        half = video.new_full((video.shape[0],), 0.5)
        return half, half

    def exchange(
        self,
        layer: int,
        before: tuple[Tensor, Tensor],
        extracted: tuple[Tensor, Tensor],
        weights: tuple[Tensor, Tensor],
        masks: StepMasks,
    ) -> tuple[Tensor, Tensor]:
        """Return the (video, audio) maps that leave a layer: as extracted, without any exchange.

        Args:
            layer: Index of the layer, from 0.
            before: The maps that went into it, V_{i-1} and A_{i-1} of Eq. 17:
                (B, C_v, T', H', W') and (B, C_a, F', T'').
            extracted: What the towers' blocks made of them, the same shapes.
            weights: The weights of :meth:`weigh`.
            masks: Valid steps of both.
        """
        return extracted

    def fuse(
        self,
        layers: Sequence[tuple[Tensor, Tensor]],
        weights: tuple[Tensor, Tensor],
        masks: StepMasks,
    ) -> Tensor:
        """Return one vector per clip, (B, C_v + C_a), float32.

        Args:
            layers: (video, audio) maps after each layer; only the last pair is read.
            weights: The weights of :meth:`weigh`, which are not read.
            masks: Valid steps of both.
        """
        video, audio = layers[-1]
        pooled_video = masked_mean(video, masks.video, time_dim=2)
        pooled_audio = masked_mean(audio, masks.audio, time_dim=3)
        seen_video, seen_audio = masks.seen.split(1, dim=1)  # (B, 1) each
        return torch.cat(
            [
                torch.where(seen_video, pooled_video, self.missing_video),
                torch.where(seen_audio, pooled_audio, self.missing_audio),
            ],
            dim=1,
        )

    def loss(
        self,
        embeddings: None,
        weights: tuple[Tensor, Tensor],
        data_samples: Sequence[ForgeryDataSample],
        masks: StepMasks,
    ) -> dict[str, Tensor]:
        """Return no losses of the neck's own."""
        return {}
