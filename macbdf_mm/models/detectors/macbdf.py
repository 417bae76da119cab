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
    modalities, and heads with the verdicts.

    Args:
        video_backbone: Config of the video tower, for example ``MSTLKABackbone``.
        audio_backbone: Config of the audio tower, of the same depth.
        neck: Config of the neck: ``embed``, ``weigh``, ``exchange``, ``fuse`` and ``loss``. The
            towers' widths and their ``depth`` are handed to it.
        head: Config of the sample-level head; ``in_channels`` is the neck's ``out_channels`` if
            not given.
        frame_head: Config of the frame-level head; ``in_channels`` is the video tower's width
            if not given. None: the model has no frame-level verdicts.
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
        frame_head: _Part | None = None,
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
            depth=self.video_backbone.depth,
        )
        self.head = build_part(MODELS, head, in_channels=self.neck.out_channels)
        self.frame_head = None
        if frame_head is not None:
            self.frame_head = build_part(
                MODELS, frame_head, in_channels=self.video_backbone.embed_dims
            )
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
            mode: 'loss' (a dict of scalars), 'predict' (samples with ``pred_scores``, and with
                ``pred_video_steps`` and ``pred_audio_steps`` if there is a frame-level head) or
                'tensor' (logits (B, 3) of overall, video, audio).

        Raises:
            ValueError: If the mode is another, or 'loss' has no data samples.
        """
        _check_mode(mode, data_samples)
        video, audio, masks = self.encode(inputs)
        embeddings = self.neck.embed(video, audio, masks)
        weights = self.neck.weigh(video, audio, embeddings, masks)
        layers = self.extract_and_exchange(video, audio, weights, masks)
        fused = self.neck.fuse(layers, masks)
        if mode == "tensor":
            return self.head(fused)
        if mode == "predict":
            samples = data_samples or [ForgeryDataSample() for _ in fused]
            return self.classify(fused, layers[-1], samples, masks)
        losses = self.head.loss(fused, data_samples, masks.seen)
        losses |= self.neck.loss(embeddings, data_samples, masks)
        if self.frame_head is not None:
            losses |= self.frame_head.loss(layers[-1], data_samples, masks)
        return losses

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
        maps: tuple[Tensor, Tensor],
        data_samples: Sequence[ForgeryDataSample],
        masks: StepMasks,
    ) -> list[ForgeryDataSample]:
        """Return the samples with the scores of both levels (3.4).

        Args:
            fused: The neck's vectors, (B, D).
            maps: The last layer's (video, audio) maps.
            data_samples: B samples, written to.
            masks: Valid steps of both.
        """
        samples = self.head.predict(fused, data_samples, masks.seen)
        if self.frame_head is not None:
            samples = self.frame_head.predict(maps, samples, masks)
        return samples


def _check_mode(mode: str, data_samples: Sequence[ForgeryDataSample] | None) -> None:
    """Raise ValueError before anything is computed in vain."""
    if mode not in ("loss", "predict", "tensor"):
        raise ValueError(f"Expected `mode` 'loss', 'predict' or 'tensor', got {mode!r}.")
    if mode == "loss" and data_samples is None:
        raise ValueError("Expected `data_samples` with labels for mode='loss', got None.")
