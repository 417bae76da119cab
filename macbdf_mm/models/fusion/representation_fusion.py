"""Representation fusion via a multi-head attention framework (RFMF), Section 3.3."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from macbdf_mm.errors import ArgumentError
from macbdf_mm.models.fusion.importance_weights import FusionWeights
from macbdf_mm.models.fusion.temporal_steps import PooledSteps, blank_steps
from macbdf_mm.models.layers.positional_embedding import sine_cosine_code
from macbdf_mm.models.layers.step_masks import StepMasks, masked_mean
from macbdf_mm.models.layers.transformer_block import TransformerBlock

# Length of a clip in the units of the time code, whatever its number of steps.
_CLIP_LENGTH = 100.0
# The least share of a modality, whose logarithm the attention reads.
_MIN_SHARE = 1e-6

Readout = Literal["per_modality", "all_tokens"]


def relative_time_code(num_steps: int, embed_dims: int, device: torch.device) -> Tensor:
    """Return the sine-cosine code of the centres of equal steps, (num_steps, C), float32.

    The clock runs over the clip, not over the steps: the same moment has the same code in both
    modalities, however many steps each of them has.

    Args:
        num_steps: Number of steps of the clip.
        embed_dims: Channels C.
        device: Where to put the code.
    """
    moments = (torch.arange(num_steps, device=device) + 0.5) / num_steps * _CLIP_LENGTH
    return sine_cosine_code(moments, embed_dims)


def modality_shares(weights: FusionWeights, masks: StepMasks) -> Tensor:
    """Return each weight over the mean of the weights of the tracks there, (B, 2): audio, video.

    Equal weights are 1 and 1, and so is the weight of a track that stands alone; a track that is
    not there has 0, as nothing of it is read.

    Args:
        weights: w_v and w_a, (B,), not negative.
        masks: Valid steps of both.
    """
    pair = torch.stack([weights.audio, weights.video], dim=1).float()
    seen = masks.seen.flip(1)  # (B, 2): audio, video
    pair = pair.masked_fill(~seen, 0.0)
    total = pair.sum(dim=1, keepdim=True)
    mean = total / seen.sum(dim=1, keepdim=True).clamp(min=1)
    # Two weights of zero, as Eq. 10 allows, are equal ones.
    return torch.where(total > 0, pair / mean.clamp(min=_MIN_SHARE), seen.float())


class RepresentationFusion(nn.Module):
    """Self-attention over all layers of both modalities, which ends in one vector per clip.

    The sequence is [a_1, v_1, ..., a_n, v_n]: each a_i and v_i stands for the steps of that
    layer's map, one token per step, with the sum of three embeddings: layer, modality (learned)
    and time (fixed). The paper stacks the representations and says no more.

    With ``readout="per_modality"`` the result holds the mean of the audio's tokens, then that of
    the video's, and both modalities have equal parts in the attention, however many tokens each
    of them has. A modality that a clip lacks is replaced by a learnt embedding.
    "all_tokens" is one mean over all tokens, which count alike.

    Fusion weights act at two places. Within the attention they set the part of each modality,
    through a bias w of the keys' logits. After the last norm they scale the tokens of each
    modality. A scale before the blocks would be undone by their norms.

    Args:
        embed_dims: Channels C of the maps.
        num_layers: Number n of layers read; 1 at depth 0, where it reads the encoders' outputs.
        depth: Number of attention blocks.
        num_heads: Attention heads, a divisor of ``embed_dims``.
        mlp_ratio: Hidden width of the blocks' feed-forward parts over ``embed_dims``.
        drop_rate: Dropout within the blocks.
        readout: "per_modality" or "all_tokens".

    Attributes:
        out_channels: 2C for a mean per modality, C for one mean.

    Raises:
        ValueError: If ``readout`` is neither.
    """

    def __init__(
        self,
        embed_dims: int,
        num_layers: int,
        depth: int = 2,
        num_heads: int = 4,
        mlp_ratio: float = 4.0,
        drop_rate: float = 0.0,
        readout: Readout = "per_modality",
    ) -> None:
        super().__init__()
        if readout not in get_args(Readout):
            raise ArgumentError(
                f"Expected `readout` 'per_modality' or 'all_tokens', got {readout!r}."
            )
        self.readout = readout
        self.out_channels = 2 * embed_dims if readout == "per_modality" else embed_dims
        self.embed_dims = embed_dims
        self.num_layers = num_layers
        self.token_norm = nn.LayerNorm(embed_dims)
        self.layer_embedding = nn.Parameter(torch.zeros(num_layers, embed_dims))
        # Row 0 is the audio's, as the audio stands first in the sequence.
        self.modality_embedding = nn.Parameter(torch.zeros(2, embed_dims))
        nn.init.trunc_normal_(self.layer_embedding, std=0.02)
        nn.init.trunc_normal_(self.modality_embedding, std=0.02)
        self.blocks = nn.ModuleList(
            TransformerBlock(embed_dims, num_heads, mlp_ratio, drop_rate) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(embed_dims)
        if readout == "per_modality":
            self.missing_audio = nn.Parameter(torch.zeros(embed_dims))
            self.missing_video = nn.Parameter(torch.zeros(embed_dims))

    def no_weight_decay(self) -> list[str]:
        """Return the names of the parameters that are places, not weights."""
        return ["layer_embedding", "modality_embedding"]

    def forward(
        self,
        layers: Sequence[PooledSteps],
        masks: StepMasks,
        weights: FusionWeights | None = None,
    ) -> Tensor:
        """Return the fused representation, (B, out_channels) float32.

        A clip without any media gets zeros, or with "per_modality" both learnt embeddings.

        Args:
            layers: The pooled maps after each layer, first to last: (B, T', C), (B, T'', C).
            masks: Valid steps, (B, T') and (B, T'').
            weights: How much the modalities of each clip count; None: alike. Only the ratio of
                w_v and w_a matters: equal weights, and a track that stands alone, change nothing.

        Raises:
            ValueError: If there are not ``num_layers`` of them, or a mask does not fit.
        """
        if len(layers) != self.num_layers:
            raise ArgumentError(
                f"Expected the steps of {self.num_layers} layers, got {len(layers)}. Set "
                "`num_layers` to the depth of the towers, or to 1 at depth 0."
            )
        tokens, mask = self.tokenise(layers, masks)
        is_audio = self._is_audio(masks)
        shares = None if weights is None else modality_shares(weights, masks)
        key_bias = self._key_bias(masks, shares, is_audio)
        for block in self.blocks:
            tokens = block(tokens, mask, key_bias)
        tokens = self.norm(tokens).float()
        if shares is not None:
            tokens = tokens * torch.where(is_audio, shares[:, :1], shares[:, 1:])[..., None]
        tokens = tokens.transpose(1, 2)  # (B, C, N)
        if self.readout == "all_tokens":
            return masked_mean(tokens, mask, time_dim=2)
        audio = masked_mean(tokens, mask & is_audio, time_dim=2)
        video = masked_mean(tokens, mask & ~is_audio, time_dim=2)
        seen_video, seen_audio = masks.seen.split(1, dim=1)  # (B, 1) each
        return torch.cat(
            [
                torch.where(seen_audio, audio, self.missing_audio),
                torch.where(seen_video, video, self.missing_video),
            ],
            dim=1,
        )

    def tokenise(self, layers: Sequence[PooledSteps], masks: StepMasks) -> tuple[Tensor, Tensor]:
        """Return the sequence (B, n (T'' + T'), C) and which of its tokens are valid, bool."""
        tokens = []
        for layer, steps in enumerate(layers):
            video, audio = blank_steps(steps, masks)
            tokens += [self._embed(audio, layer, 0), self._embed(video, layer, 1)]
        pair_mask = torch.cat([masks.audio, masks.video], dim=1)
        return torch.cat(tokens, dim=1), pair_mask.repeat(1, len(layers))

    def _is_audio(self, masks: StepMasks) -> Tensor:
        """Return (N,) bool: which tokens of the sequence are the audio's."""
        pair = [
            masks.audio.new_ones(masks.audio.shape[1]),
            masks.video.new_zeros(masks.video.shape[1]),
        ]
        return torch.cat(pair).repeat(self.num_layers)

    def _key_bias(self, masks: StepMasks, shares: Tensor | None, is_audio: Tensor) -> Tensor | None:
        """Return what is added to the logits of the keys, (B, N) float32; None if all count alike.

        exp(bias) is the modality's share; with "per_modality" over its number of valid tokens.
        """
        if shares is None and self.readout == "all_tokens":
            return None
        parts = torch.ones(masks.audio.shape[0], 2, device=masks.audio.device)
        if shares is not None:
            parts = shares.clamp(min=_MIN_SHARE)
        if self.readout == "per_modality":
            counts = torch.stack([masks.audio.sum(dim=1), masks.video.sum(dim=1)], dim=1)
            parts = parts / counts.clamp(min=1)
        bias = parts.log()
        return torch.where(is_audio, bias[:, :1], bias[:, 1:])

    def _embed(self, steps: Tensor, layer: int, modality: int) -> Tensor:
        """Return the steps (B, T, C), normalised, with their three embeddings added."""
        place = self.layer_embedding[layer] + self.modality_embedding[modality]
        time = relative_time_code(steps.shape[1], self.embed_dims, steps.device)
        return self.token_norm(steps) + (place + time)
