"""All that crosses the modalities: contrast, fusion weights, exchange and fusion."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from macbdf_mm.errors import ArgumentError
from macbdf_mm.models.contrastive.embedding_projection import EmbeddingProjection
from macbdf_mm.models.contrastive.feature_queue import FeatureQueue, FeatureSet, clip_id
from macbdf_mm.models.contrastive.macl import MACL, TERM_WEIGHT
from macbdf_mm.models.fusion.cluster_state import NEUTRAL_DISTANCE, ClusterState
from macbdf_mm.models.fusion.cross_modal_exchange import CrossModalExchange, Interaction, fuse_steps
from macbdf_mm.models.fusion.importance_weights import (
    FusionWeights,
    ImportanceWeights,
    weight_log,
)
from macbdf_mm.models.fusion.representation_fusion import RepresentationFusion
from macbdf_mm.models.fusion.temporal_steps import pool_steps
from macbdf_mm.models.layers.step_masks import StepMasks
from macbdf_mm.registry import MODELS
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample


@MODELS.register_module()
class ContrastiveFusionNeck(BaseModule):
    """Contrast, weights, exchange and fusion of the two towers (3.2.1, 3.2.2, 3.2.4, 3.3).

    The order of calls is that of Figure 1: :meth:`embed`, :meth:`weigh`, :meth:`exchange` once a
    layer, :meth:`fuse`; in training also :meth:`loss`. Queues, temperature and clusters stand in
    buffers. ``ContrastiveStateHook`` moves them, by :meth:`advance` after each optimiser step
    and :meth:`fit_clusters` after each epoch; evaluation moves nothing.

    Args:
        video_channels: Channels C of the video tower's maps.
        audio_channels: Channels of the audio tower's maps, the same C.
        depth: Number of layers of the towers. At 0 the fusion reads the encoders' own maps.
        contrast_dims: Channels D of the contrastive embeddings.
        contrast: Arguments of :class:`MACL` other than ``embed_dims``.
        contrast_loss_weight: Weight of L_C (Eq. 8) beside the classification losses.
        clusters: Arguments of :class:`ClusterState` other than ``embed_dims``.
        weights: Arguments of :class:`ImportanceWeights` other than ``embed_dims``.
        interaction: How a layer is guided, see :class:`CrossModalExchange`. With "none", as at
            depth 0, only the fusion reads the weights; they are one half if it does not either.
        weight_tokens: Whether the weights act in the fusion, see :class:`RepresentationFusion`,
            beside Eq. 17, the only place where the paper states that they do.
        fusion: Arguments of :class:`RepresentationFusion` other than ``embed_dims`` and
            ``num_layers``; ``depth=0`` there leaves the means of the tokens.
        init_cfg: MMEngine's initialisation.

    Attributes:
        out_channels: D, 2C; with ``fusion=dict(readout="all_tokens")`` C.

    Raises:
        ValueError: If the towers differ in width, or an argument is out of its range.
    """

    def __init__(
        self,
        video_channels: int,
        audio_channels: int,
        depth: int,
        contrast_dims: int = 128,
        contrast: Mapping[str, Any] | None = None,
        contrast_loss_weight: float = 0.1,
        clusters: Mapping[str, Any] | None = None,
        weights: Mapping[str, Any] | None = None,
        interaction: Interaction = "gated",
        weight_tokens: bool = True,
        fusion: Mapping[str, Any] | None = None,
        init_cfg: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if video_channels != audio_channels:
            raise ArgumentError(
                f"Expected towers of one `embed_dims`, got {video_channels} for video and "
                f"{audio_channels} for audio: Eq. 17 adds their maps."
            )
        if contrast_loss_weight < 0:
            raise ArgumentError(
                f"Expected `contrast_loss_weight` >= 0, got {contrast_loss_weight}."
            )
        channels = video_channels
        self.weight_tokens = weight_tokens
        self.contrast_loss_weight = contrast_loss_weight
        self.video_projection = EmbeddingProjection(channels, contrast_dims, time_dim=2)
        self.audio_projection = EmbeddingProjection(channels, contrast_dims, time_dim=3)
        self.macl = MACL(embed_dims=contrast_dims, **(contrast or {}))
        self.video_clusters = ClusterState(embed_dims=contrast_dims, **(clusters or {}))
        self.audio_clusters = ClusterState(embed_dims=contrast_dims, **(clusters or {}))
        # Weights that nothing reads would be parameters without a gradient, which distributed
        # training refuses.
        is_read = weight_tokens or (depth > 0 and interaction != "none")
        unread = {} if is_read else {"weighting": "equal"}
        self.importance = ImportanceWeights(channels, **{**(weights or {}), **unread})
        self.exchanges = nn.ModuleList(
            CrossModalExchange(channels, interaction) for _ in range(depth)
        )
        self.fusion = RepresentationFusion(channels, max(depth, 1), **(fusion or {}))
        self.out_channels = self.fusion.out_channels

    @property
    def queue_length(self) -> int:
        """Return the number of slots of each queue."""
        return self.macl.video_queue.length

    def embed(self, video: Tensor, audio: Tensor, masks: StepMasks) -> tuple[Tensor, Tensor]:
        """Return the contrastive embeddings x_v and x_a, (B, D) float32 each, unit length.

        A clip without a track gets the same vector whatever its tensor holds.

        Args:
            video: The video encoder's map, (B, C, T', H', W').
            audio: The audio encoder's map, (B, C, F', T'').
            masks: Valid steps of both.
        """
        return (
            self.video_projection(video, masks.video),
            self.audio_projection(audio, masks.audio),
        )

    def weigh(
        self,
        video: Tensor,
        audio: Tensor,
        embeddings: tuple[Tensor, Tensor],
        masks: StepMasks,
    ) -> FusionWeights:
        """Return w_v and w_a of Eq. 10, (B,) float32 each; no clip's depend on another clip.

        Until both tracks have clusters, both distances of Eq. 9 are the neutral ones.

        Args:
            video: The video encoder's map, (B, C, T', H', W').
            audio: The audio encoder's map, (B, C, F', T'').
            embeddings: What :meth:`embed` made of the two, for the distances of Eq. 9.
            masks: Valid steps of both.
        """
        # One token per time step: the attention over all places of the grid would cost more than
        # a layer of the encoder, and what it is for is one number per clip.
        steps = pool_steps(video, audio)
        # A distance to clusters beside the neutral one would compare two scales.
        is_ready = self.video_clusters.is_ready & self.audio_clusters.is_ready
        distances = [
            torch.where(is_ready, clusters(embedding), NEUTRAL_DISTANCE)
            for (_, clusters), embedding in zip(
                self._queues_and_clusters(), embeddings, strict=True
            )
        ]
        return self.importance(
            steps.video,
            steps.audio,
            masks.video,
            masks.audio,
            *distances,
        )

    def exchange(
        self,
        layer: int,
        before: tuple[Tensor, Tensor],
        extracted: tuple[Tensor, Tensor],
        weights: FusionWeights,
        masks: StepMasks,
    ) -> tuple[Tensor, Tensor]:
        """Return the (video, audio) maps that leave a layer, Eqs. 17 and 18.

        Args:
            layer: Index of the layer, from 0.
            before: The maps that went into it, V_{i-1} and A_{i-1} of Eq. 17:
                (B, C, T', H', W') and (B, C, F', T'').
            extracted: What the towers' blocks made of them, K'_i, the same shapes.
            weights: The weights of :meth:`weigh`.
            masks: Valid steps of both.
        """
        fused = fuse_steps(pool_steps(*before), weights, masks)
        return self.exchanges[layer](*extracted, fused)

    def fuse(
        self,
        layers: Sequence[tuple[Tensor, Tensor]],
        weights: FusionWeights,
        masks: StepMasks,
    ) -> Tensor:
        """Return one vector per clip, (B, D) float32, read from all layers by attention (3.3).

        Args:
            layers: (video, audio) maps after each layer; the encoders' own at depth 0.
            weights: The weights of :meth:`weigh`.
            masks: Valid steps of both.
        """
        steps = [pool_steps(video, audio) for video, audio in layers]
        return self.fusion(steps, masks, weights if self.weight_tokens else None)

    def loss(
        self,
        embeddings: tuple[Tensor, Tensor],
        weights: FusionWeights,
        data_samples: Sequence[ForgeryDataSample],
        masks: StepMasks,
    ) -> dict[str, Tensor]:
        """Return the four terms of L_C (Eq. 8), weighted, and what tells whether they learn.

        ``loss_cross_va`` and ``loss_cross_av`` belong to the multimodal objective,
        ``loss_intra_video`` and ``loss_intra_audio`` to the unimodal one (3.5). Only logged:

        - ``tau``;
        - ``num_anchors``, the mean of the four terms' anchors; it stays 0 on data whose tracks
          are not labelled, where nothing is learned from contrast;
        - ``cross_va_over_collapse`` and so on: each term over what it would be if all embeddings
          coincided, 0 if it has no anchor or is switched off;
        - ``mean_cosine_video`` and ``mean_cosine_audio``, of embeddings of different clips of the
          batch, 0 if fewer than two clips have the track. :func:`is_collapsed` judges both;
        - the state of Eq. 10, see :func:`weight_log`.

        Args:
            embeddings: What :meth:`embed` returned.
            weights: What :meth:`weigh` returned.
            data_samples: B samples with ``gt_video_label``, ``gt_audio_label`` and ``file``.
            masks: Valid steps; a track without any takes no part.

        Raises:
            ValueError: If a sample lacks one of these.
        """
        video, audio = self._feature_sets(embeddings, data_samples, masks)
        terms = self.macl(video, audio)
        scale = self.contrast_loss_weight * TERM_WEIGHT
        names = ("cross_va", "cross_av", "intra_video", "intra_audio")
        return {
            "loss_cross_va": scale * terms.video_to_audio,
            "loss_cross_av": scale * terms.audio_to_video,
            "loss_intra_video": scale * terms.video_to_video,
            "loss_intra_audio": scale * terms.audio_to_audio,
            "tau": terms.tau,
            "num_anchors": terms.num_anchors.float().mean(),
            **{
                f"{name}_over_collapse": ratio
                for name, ratio in zip(names, terms.over_collapse, strict=True)
            },
            "mean_cosine_video": terms.mean_cosine[0],
            "mean_cosine_audio": terms.mean_cosine[1],
            **weight_log(weights, masks.seen),
        }

    def _feature_sets(
        self,
        embeddings: tuple[Tensor, Tensor],
        data_samples: Sequence[ForgeryDataSample],
        masks: StepMasks,
    ) -> tuple[FeatureSet, FeatureSet]:
        """Return both tracks' embeddings with their labels, clip ids and validity."""
        device = embeddings[0].device
        # The labels may be on the device already: read one by one, each would be waited for.
        labels = torch.stack([_labels_of(sample) for sample in data_samples]).to(device)  # (B, 2)
        video_labels, audio_labels = labels.unbind(dim=1)
        names = [sample.get("clip_name", sample.file) for sample in data_samples]
        ids = torch.tensor([clip_id(name) for name in names], device=device)
        has_video, has_audio = masks.seen.unbind(dim=1)
        return (
            FeatureSet(embeddings[0], video_labels, ids, has_video),
            FeatureSet(embeddings[1], audio_labels, ids, has_audio),
        )

    def advance(self) -> None:
        """Move clusters, queues and temperature; call it after each optimiser step."""
        for queue, clusters in self._queues_and_clusters():
            rows = queue.staged()
            if rows is not None:
                clusters.follow(rows.embeddings, rows.valid)
        self.macl.advance()

    def discard_staged(self) -> None:
        """Forget the forwards since the last :meth:`advance`, if the step was skipped."""
        self.macl.discard_staged()

    def fit_clusters(self, seed: int) -> bool:
        """Find the clusters of both queues anew (3.2.2); return whether both held enough.

        Call it after each epoch, on all ranks.

        Args:
            seed: Of the clustering, equal on all ranks.
        """
        fitted = []
        for queue, clusters in self._queues_and_clusters():
            rows = queue.contents()
            fitted.append(clusters.fit(rows.embeddings[rows.valid], seed))
        return all(fitted)

    def _queues_and_clusters(self) -> list[tuple[FeatureQueue, ClusterState]]:
        return [
            (self.macl.video_queue, self.video_clusters),
            (self.macl.audio_queue, self.audio_clusters),
        ]


def _labels_of(sample: ForgeryDataSample) -> Tensor:
    """Return the labels of video and audio of a sample that names its file, (2,) int64."""
    missing = [name for name in ("gt_video_label", "gt_audio_label", "file") if name not in sample]
    if missing:
        raise ArgumentError(
            "Expected data samples with gt_video_label, gt_audio_label and the meta information "
            f"`file`, got one without {', '.join(missing)}. Contrastive learning has to tell "
            "whether two samples come from one clip."
        )
    return torch.stack([sample.gt_video_label, sample.gt_audio_label])
