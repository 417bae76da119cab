"""The detector: it only composes."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from macbdf_mm.models.layers.step_masks import StepMasks, step_mask
from macbdf_mm.registry import MODELS, build_part
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample

_Part = Mapping[str, Any] | nn.Module


@MODELS.register_module()
class MACBDF(BaseModel):
    """The multiscale adaptive conflict-balancing model for deepfake detection (Figure 1).

    Two encoders, two towers of large-kernel attention, a neck that owns all that crosses the
    modalities, and a head with the verdicts.

    Args:
        video_backbone: Config of the video tower, for example ``MSTLKABackbone``.
        audio_backbone: Config of the audio tower, of the same depth.
        neck: Config of the neck: ``weigh``, ``exchange`` and ``fuse``.
        head: Config of the head; ``in_channels`` is the neck's ``out_channels`` if not given.
        data_preprocessor: Config of the data preprocessor.
        init_cfg: MMEngine's initialisation.

    Attributes:
        decision_threshold: (3,) float32, scores of overall, video and audio from which a clip
            counts as fake; set from validation data, kept in checkpoints.
        is_threshold_fitted: () bool, False while the thresholds are the 0.5 of the start.

    Raises:
        ValueError: If the towers differ in depth.
    """

    decision_threshold: Tensor
    is_threshold_fitted: Tensor

    def __init__(
        self,
        video_backbone: _Part,
        audio_backbone: _Part,
        neck: _Part,
        head: _Part,
        data_preprocessor: _Part | None = None,
        init_cfg: Mapping[str, Any] | None = None,
    ) -> None:
        if data_preprocessor is not None:
            data_preprocessor = build_part(MODELS, data_preprocessor)
        super().__init__(data_preprocessor, init_cfg)
        self.video_backbone = build_part(MODELS, video_backbone)
        self.audio_backbone = build_part(MODELS, audio_backbone)
        if self.video_backbone.depth != self.audio_backbone.depth:
            raise ValueError(
                "Expected towers of one `depth`, got "
                f"{self.video_backbone.depth} for video and {self.audio_backbone.depth} for audio."
            )
        self.neck = build_part(
            MODELS,
            neck,
            video_channels=self.video_backbone.embed_dims,
            audio_channels=self.audio_backbone.embed_dims,
        )
        self.head = build_part(MODELS, head, in_channels=self.neck.out_channels)
        self.register_buffer("decision_threshold", torch.full((3,), 0.5))
        self.register_buffer("is_threshold_fitted", torch.tensor(False))

    def forward(
        self,
        inputs: Mapping[str, Tensor],
        data_samples: Sequence[ForgeryDataSample] | None = None,
        mode: str = "tensor",
    ) -> Tensor | dict[str, Tensor] | list[ForgeryDataSample]:
        """Return losses, predictions or logits, by ``mode``.

        Args:
            inputs: ``video`` (B, 3, T, H, W), ``video_mask`` (B, T) bool, ``spectrogram``
                (B, 1, F, N), ``audio_mask`` (B, N) bool, from the data preprocessor.
            data_samples: B samples: labels for 'loss', to be written to for 'predict'.
            mode: 'loss' (a dict of scalars), 'predict' (samples with ``pred_scores``) or
                'tensor' (logits (B, 3) of overall, video, audio).

        Raises:
            ValueError: If the mode is another, or 'loss' has no data samples.
        """
        video, audio, masks = self.encode(inputs)
        weights = self.neck.weigh(video, audio, masks)
        layers = self.extract_and_exchange(video, audio, weights, masks)
        fused = self.neck.fuse(layers, masks)
        return self.classify(fused, masks, data_samples, mode)

    def encode(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, StepMasks]:
        """Return the maps of both encoders and their valid steps (Figure 1, feature extract).

        Args:
            inputs: As :meth:`forward`.

        Returns:
            (B, C, T', H', W') of the video, (B, C, F', T'') of the audio, and the masks.
        """
        video_mask, audio_mask = inputs["video_mask"], inputs["audio_mask"]
        video = self.video_backbone.encode(inputs["video"], video_mask)
        audio = self.audio_backbone.encode(inputs["spectrogram"], audio_mask)
        masks = StepMasks(
            video=step_mask(video_mask, video.shape[2]), audio=step_mask(audio_mask, audio.shape[3])
        )
        return video, audio, masks

    def extract_and_exchange(
        self, video: Tensor, audio: Tensor, weights: tuple[Tensor, Tensor], masks: StepMasks
    ) -> list[tuple[Tensor, Tensor]]:
        """Return the (video, audio) maps after each layer; the encoders' own at depth 0.

        Args:
            video: (B, C, T', H', W').
            audio: (B, C, F', T'').
            weights: The neck's weights of video and audio, (B,) each.
            masks: Valid steps of both.
        """
        maps = (video, audio)
        layers = []
        towers = zip(self.video_backbone.layers, self.audio_backbone.layers, strict=True)
        for index, (video_layer, audio_layer) in enumerate(towers):
            extracted = (video_layer(maps[0]), audio_layer(maps[1]))
            maps = self.neck.exchange(index, maps, extracted, weights, masks)
            layers.append(maps)
        return layers or [maps]

    def classify(
        self,
        fused: Tensor,
        masks: StepMasks,
        data_samples: Sequence[ForgeryDataSample] | None,
        mode: str,
    ) -> Tensor | dict[str, Tensor] | list[ForgeryDataSample]:
        """Return what :meth:`forward` promises for ``mode``, from the fused vectors (B, D)."""
        if mode == "tensor":
            return self.head(fused)
        if mode == "predict":
            samples = data_samples or [ForgeryDataSample() for _ in fused]
            return self.head.predict(fused, samples, masks.seen)
        if mode != "loss":
            raise ValueError(f"Expected `mode` 'loss', 'predict' or 'tensor', got {mode!r}.")
        if data_samples is None:
            raise ValueError("Expected `data_samples` with labels for mode='loss', got None.")
        return self.head.loss(fused, data_samples, masks.seen)
