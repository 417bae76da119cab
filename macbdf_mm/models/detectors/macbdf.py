"""The detector: it only composes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from macbdf_mm.errors import ArgumentError
from macbdf_mm.models.contracts import Backbone, Head, Maps, Neck, check_part, takes_mask
from macbdf_mm.models.detectors.base_forgery_detector import BaseForgeryDetector
from macbdf_mm.models.layers.step_masks import (
    TIME_DIMS,
    StepMasks,
    blank_invalid,
    step_mask,
)
from macbdf_mm.registry import MODELS, build_part
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample

_Part = Mapping[str, Any] | nn.Module


@MODELS.register_module()
class MACBDF(BaseForgeryDetector):
    """The multiscale adaptive conflict-balancing model for deepfake detection (Figure 1).

    Two encoders, two towers of large-kernel attention, a neck that owns all that crosses the
    modalities, and heads with the verdicts.

    Args:
        video_backbone: Config of the video tower, for example ``MSTLKABackbone``; any
            :class:`~macbdf_mm.models.contracts.Backbone` will do.
        audio_backbone: Config of the audio tower, of the same depth.
        neck: Config of the neck, a :class:`~macbdf_mm.models.contracts.Neck`. The towers' widths
            and their ``depth`` are handed to it.
        head: Config of the sample-level head; ``in_channels`` is the neck's ``out_channels`` if
            not given.
        frame_head: Config of the frame-level head; ``in_channels`` is the video tower's width
            if not given. None: the model has no frame-level verdicts.
        data_preprocessor: Config of the data preprocessor.
        init_cfg: MMEngine's initialisation.

    Raises:
        ConfigError: If a tower, the neck or the head lacks what its protocol asks for.
        ValueError: If the towers differ in depth.
    """

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
        super().__init__(data_preprocessor, init_cfg)
        self.video_backbone = build_part(MODELS, video_backbone)
        self.audio_backbone = build_part(MODELS, audio_backbone)
        check_part(self.video_backbone, Backbone, "video_backbone")
        check_part(self.audio_backbone, Backbone, "audio_backbone")
        if self.video_backbone.depth != self.audio_backbone.depth:
            raise ArgumentError(
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
        check_part(self.neck, Neck, "neck")
        self.head = build_part(MODELS, head, in_channels=self.neck.out_channels)
        check_part(self.head, Head, "head")
        self.frame_head = None
        if frame_head is not None:
            self.frame_head = build_part(
                MODELS, frame_head, in_channels=self.video_backbone.embed_dims
            )

    def forward(
        self,
        inputs: Mapping[str, Tensor],
        data_samples: Sequence[ForgeryDataSample] | None = None,
        mode: str = "tensor",
    ) -> Tensor | dict[str, Tensor] | list[ForgeryDataSample]:
        """Return losses, predictions or logits, by ``mode``; see :class:`BaseForgeryDetector`."""
        self.check_mode(mode, data_samples)
        video, audio, masks = self.encode(inputs)
        embeddings = self.neck.embed(video, audio, masks)
        weights = self.neck.weigh(video, audio, embeddings, masks)
        layers = self.extract_and_exchange(video, audio, weights, masks)
        fused = self.neck.fuse(layers, weights, masks)
        if mode == "tensor":
            return self.head(fused)
        if mode == "predict":
            samples = data_samples or [ForgeryDataSample() for _ in fused]
            return self.classify(fused, layers[-1], samples, masks)
        losses = self.head.loss(fused, data_samples, masks.seen)
        losses |= self.neck.loss(embeddings, weights, data_samples, masks)
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
        frames = StepMasks(
            video=inputs["video_mask"],
            audio=inputs["audio_mask"],
            is_video_full=bool(inputs.get("is_video_full", False)),
            is_audio_full=bool(inputs.get("is_audio_full", False)),
        )
        video_mask, audio_mask = frames.where_needed
        video = self.video_backbone.encode(inputs["video"], video_mask)
        audio = self.audio_backbone.encode(inputs["spectrogram"], audio_mask)
        masks = frames._replace(
            video=step_mask(frames.video, video.shape[2]),
            audio=step_mask(frames.audio, audio.shape[3]),
        )
        return video, audio, masks

    def extract_and_exchange(
        self, video: Tensor, audio: Tensor, weights: Any, masks: StepMasks
    ) -> list[Maps]:
        """Return the (video, audio) maps after each layer; the encoders' own at depth 0.

        Args:
            video: (B, C, T', H', W').
            audio: (B, C, F', T'').
            weights: What the neck's ``weigh`` returned.
            masks: Valid steps of both.
        """
        maps = (video, audio)
        layers = []
        video_mask, audio_mask = masks.where_needed
        towers = zip(self.video_backbone.layers, self.audio_backbone.layers, strict=True)
        for index, (video_layer, audio_layer) in enumerate(towers):
            extracted = (
                _extract(video_layer, maps[0], video_mask),
                _extract(audio_layer, maps[1], audio_mask),
            )
            maps = self.neck.exchange(index, maps, extracted, weights, masks)
            layers.append(maps)
        return layers or [maps]

    def classify(
        self,
        fused: Tensor,
        maps: Maps,
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


def _extract(layer: Callable[..., Tensor], grid_map: Tensor, mask: Tensor | None) -> Tensor:
    """Return the map after a layer, which knows where nothing is valid or finds zeros there."""
    if mask is None:
        return layer(grid_map)
    if takes_mask(layer):
        return layer(grid_map, mask=mask)
    return layer(blank_invalid(grid_map, mask, TIME_DIMS[grid_map.dim() - 2]))
