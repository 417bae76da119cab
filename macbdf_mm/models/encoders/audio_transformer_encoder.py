"""The audio encoder E_a."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from macbdf_mm.errors import ArgumentError
from macbdf_mm.models.encoders.grid_transformer_encoder import GridTransformerEncoder, check_axes
from macbdf_mm.registry import MODELS


@MODELS.register_module()
class AudioTransformerEncoder(GridTransformerEncoder):
    """Spectrogram patches and a transformer; the grid (F', T'') is kept (3.1).

    Args:
        num_mels: Mel bins F of the spectrogram.
        num_frames: Frames N of the spectrogram that the positions are made for.
        patch_size: Mel bins and frames of a patch, one number if equal.
        in_channels: Channels of the spectrogram.
        embed_dims: Channels C of the tokens.
        depth: Number of transformer blocks.
        num_heads: Number of attention heads, a divisor of ``embed_dims``.
        mlp_ratio: Hidden width of the feed-forward parts over ``embed_dims``.
        drop_rate: Dropout of positions, attention outputs and feed-forward parts.
        drop_path_rate: Stochastic depth of the last block; it grows linearly from 0.
        stem: 'patch', or 'convolutional', which trains faster from scratch.
        position: 'sincos' or 'learnable'.
        final_norm: Whether a layer norm follows the last block.
        with_cp: Whether blocks keep only their input and are computed again in the backward
            pass (gradient checkpointing).
        init_cfg: MMEngine's initialisation.

    Raises:
        ValueError: If the stem or the position is unknown, or sizes do not divide.
    """

    patch_stem = "patch"

    def __init__(
        self,
        num_mels: int = 64,
        num_frames: int = 128,
        patch_size: int | tuple[int, int] = (8, 4),
        in_channels: int = 1,
        embed_dims: int = 384,
        depth: int = 6,
        num_heads: int = 6,
        mlp_ratio: float = 4.0,
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        stem: str = "patch",
        position: str = "sincos",
        final_norm: bool = False,
        with_cp: bool = False,
        init_cfg: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(
            in_channels=in_channels,
            size=(num_mels, num_frames),
            patch=(patch_size, patch_size) if isinstance(patch_size, int) else patch_size,
            time_dim=3,
            embed_dims=embed_dims,
            depth=depth,
            num_heads=num_heads,
            mlp_ratio=mlp_ratio,
            drop_rate=drop_rate,
            drop_path_rate=drop_path_rate,
            stem=stem,
            position=position,
            final_norm=final_norm,
            with_cp=with_cp,
            init_cfg=init_cfg,
        )
        self.num_mels = num_mels
        self.in_channels = in_channels

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the map (B, C, F', T'') of a log-mel spectrogram.

        Args:
            x: (B, 1, F, N), normalised.
            mask: (B, N) bool, True where a frame holds sound of the file; None if all do.

        Raises:
            ValueError: If the axes are others, such as time before frequency.
        """
        check_axes(x, 4, self.in_channels, "a spectrogram (B, C, F, N)")
        if x.shape[2] != self.num_mels:
            remedy = (
                "These seem to be (B, C, T, F), as of mmaction2's FormatAudioShape: state "
                "input_format='NCTF' in MFTLKABackbone"
                if x.shape[3] == self.num_mels
                else f"Set the encoder's `num_mels` to {x.shape[2]} if F is {x.shape[2]}"
            )
            raise ArgumentError(
                f"Expected spectrograms (B, C, F, N) with F = `num_mels` = {self.num_mels}, got "
                f"shape {tuple(x.shape)}. {remedy}."
            )
        return super().forward(x, mask)
