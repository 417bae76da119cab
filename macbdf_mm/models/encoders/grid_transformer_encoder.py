"""What the video and the audio encoder share."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from macbdf_mm.errors import ArgumentError
from macbdf_mm.models.layers.positional_embedding import PositionalEmbedding
from macbdf_mm.models.layers.stems import ConvolutionalStem, PatchEmbedding, grid_of
from macbdf_mm.models.layers.step_masks import along_time, blank_invalid, step_mask
from macbdf_mm.models.layers.transformer_block import TransformerBlock

_POSITIONS = ("sincos", "learnable")


class GridTransformerEncoder(BaseModule):
    """A transformer over the tokens of a grid that returns a map on the same grid (3.1).

    Args:
        in_channels: Channels of the input.
        size: Length of each axis of the input that the positions are made for.
        patch: Length of a patch along each axis.
        time_dim: The time axis of the input and of the map, batch and channels counted.
        embed_dims: Channels C of the tokens.
        depth: Number of blocks.
        num_heads: Number of attention heads, a divisor of ``embed_dims``.
        mlp_ratio: Hidden width of the feed-forward parts over ``embed_dims``.
        drop_rate: Dropout of positions, attention outputs and feed-forward parts.
        drop_path_rate: Stochastic depth of the last block; it grows linearly from 0.
        stem: 'tubelet' or 'patch' (one linear map a patch) or 'convolutional'.
        position: 'sincos' or 'learnable'.
        final_norm: Whether a layer norm follows the last block.
        with_cp: Whether blocks keep only their input and are computed again in the backward
            pass (gradient checkpointing).
        init_cfg: MMEngine's initialisation, for example a checkpoint to load.

    Raises:
        ValueError: If the stem or the position is unknown, sizes do not divide, or the
            depth is negative.
    """

    patch_stem: str

    def __init__(
        self,
        in_channels: int,
        size: Sequence[int],
        patch: Sequence[int],
        time_dim: int,
        embed_dims: int,
        depth: int,
        num_heads: int,
        mlp_ratio: float = 4.0,
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        stem: str = "tubelet",
        position: str = "sincos",
        final_norm: bool = False,
        with_cp: bool = False,
        init_cfg: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        stems = {self.patch_stem: PatchEmbedding, "convolutional": ConvolutionalStem}
        if stem not in stems:
            raise ArgumentError(f"Expected `stem` to be one of {sorted(stems)}, got {stem!r}.")
        if position not in _POSITIONS:
            raise ArgumentError(f"Expected `position` to be one of {_POSITIONS}, got {position!r}.")
        if depth < 0:
            raise ArgumentError(f"Expected the encoder's `depth` >= 0, got {depth}.")
        if embed_dims < 1:
            raise ArgumentError(f"Expected the encoder's `embed_dims` > 0, got {embed_dims}.")
        self.embed_dims = embed_dims
        self.time_dim = time_dim
        self.stem = stems[stem](in_channels, embed_dims, patch)
        self.position = PositionalEmbedding(
            grid_of(size, patch), embed_dims, learnable=position == "learnable"
        )
        self.position_drop = nn.Dropout(drop_rate)
        self.blocks = nn.ModuleList(
            TransformerBlock(embed_dims, num_heads, mlp_ratio, drop_rate, rate, with_cp)
            for rate in torch.linspace(0, drop_path_rate, depth).tolist()
        )
        self.norm = nn.LayerNorm(embed_dims, eps=1e-6) if final_norm else nn.Identity()

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the map (B, C, *grid) of the input.

        Args:
            x: (B, in_channels, *size); another size than the constructor's is fine if the
                patch divides it.
            mask: (B, T) bool over the input's time axis, True where it holds media. Invalid
                frames are blanked, steps without a valid frame are attended by none, and the
                map is zero there. None: all valid.
        """
        grid_map = self.stem(blank_invalid(x, mask, self.time_dim), mask)
        grid = grid_map.shape[2:]
        steps = None if mask is None else step_mask(mask, grid_map.shape[self.time_dim])
        tokens = grid_map.flatten(2).transpose(1, 2)  # (B, prod(grid), C)
        tokens = self.position_drop(tokens + self.position(grid))
        token_mask = None if steps is None else self._token_mask(steps, grid_map)
        for block in self.blocks:
            tokens = block(tokens, token_mask)
        encoded = self.norm(tokens).transpose(1, 2).unflatten(2, grid)
        return blank_invalid(encoded, steps, self.time_dim)

    def _token_mask(self, steps: Tensor, grid_map: Tensor) -> Tensor:
        """Return (B, prod(grid)) bool: the valid tokens of the flattened grid."""
        per_cell = along_time(steps, grid_map.dim(), self.time_dim)  # (B, 1, ..., T', ...)
        return per_cell.expand(-1, 1, *grid_map.shape[2:]).flatten(1)


def check_axes(x: Tensor, num_dims: int, in_channels: int, layout: str) -> None:
    """Return if an input has the axes that an encoder reads.

    Args:
        x: The input.
        num_dims: Number of axes, batch and channels counted.
        in_channels: Length of the second one.
        layout: What is expected, for the message.

    Raises:
        ValueError: If it has not; another order of axes would be read as something else.
    """
    if x.dim() != num_dims or x.shape[1] != in_channels:
        raise ArgumentError(
            f"Expected {layout} with {in_channels} channel{'s' if in_channels > 1 else ''}, got "
            f"shape {tuple(x.shape)}. Bring the axes into this order before the model."
        )
