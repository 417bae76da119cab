"""Representation fusion via a multi-head attention framework (RFMF), Section 3.3."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from macbdf_mm.errors import ArgumentError
from macbdf_mm.models.fusion.temporal_steps import PooledSteps, blank_steps
from macbdf_mm.models.layers.positional_embedding import sine_cosine_code
from macbdf_mm.models.layers.step_masks import StepMasks, masked_mean
from macbdf_mm.models.layers.transformer_block import TransformerBlock

# Length of a clip in the units of the time code, whatever its number of steps.
_CLIP_LENGTH = 100.0


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


class RepresentationFusion(nn.Module):
    """Self-attention over all layers of both modalities, which ends in one vector per clip.

    The sequence is [a_1, v_1, ..., a_n, v_n]: each a_i and v_i stands for the steps of that
    layer's map, one token per step, with the sum of three embeddings: layer, modality (learned)
    and time (fixed). The paper stacks the representations and says no more.

    Args:
        embed_dims: Channels C of the maps.
        num_layers: Number n of layers read; 1 at depth 0, where it reads the encoders' outputs.
        depth: Number of attention blocks.
        num_heads: Attention heads, a divisor of ``embed_dims``.
        mlp_ratio: Hidden width of the blocks' feed-forward parts over ``embed_dims``.
        drop_rate: Dropout within the blocks.
    """

    def __init__(
        self,
        embed_dims: int,
        num_layers: int,
        depth: int = 2,
        num_heads: int = 4,
        mlp_ratio: float = 4.0,
        drop_rate: float = 0.0,
    ) -> None:
        super().__init__()
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

    def no_weight_decay(self) -> list[str]:
        """Return the names of the parameters that are places, not weights."""
        return ["layer_embedding", "modality_embedding"]

    def forward(self, layers: Sequence[PooledSteps], masks: StepMasks) -> Tensor:
        """Return the fused representation, (B, C) float32; zeros for a clip without any media.

        Args:
            layers: The pooled maps after each layer, first to last: (B, T', C), (B, T'', C).
            masks: Valid steps, (B, T') and (B, T'').

        Raises:
            ValueError: If there are not ``num_layers`` of them, or a mask does not fit.
        """
        if len(layers) != self.num_layers:
            raise ArgumentError(
                f"Expected the steps of {self.num_layers} layers, got {len(layers)}. Set "
                "`num_layers` to the depth of the towers, or to 1 at depth 0."
            )
        tokens, mask = self.tokenise(layers, masks)
        for block in self.blocks:
            tokens = block(tokens, mask)
        return masked_mean(self.norm(tokens).transpose(1, 2), mask, time_dim=2)

    def tokenise(self, layers: Sequence[PooledSteps], masks: StepMasks) -> tuple[Tensor, Tensor]:
        """Return the sequence (B, n (T'' + T'), C) and which of its tokens are valid, bool."""
        tokens = []
        for layer, steps in enumerate(layers):
            video, audio = blank_steps(steps, masks)
            tokens += [self._embed(audio, layer, 0), self._embed(video, layer, 1)]
        pair_mask = torch.cat([masks.audio, masks.video], dim=1)
        return torch.cat(tokens, dim=1), pair_mask.repeat(1, len(layers))

    def _embed(self, steps: Tensor, layer: int, modality: int) -> Tensor:
        """Return the steps (B, T, C), normalised, with their three embeddings added."""
        place = self.layer_embedding[layer] + self.modality_embedding[modality]
        time = relative_time_code(steps.shape[1], self.embed_dims, steps.device)
        return self.token_norm(steps) + (place + time)
