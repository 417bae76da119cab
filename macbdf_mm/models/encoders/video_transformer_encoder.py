"""The video encoder E_v."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from macbdf_mm.errors import ArgumentError
from macbdf_mm.models.encoders.grid_transformer_encoder import GridTransformerEncoder, check_axes
from macbdf_mm.models.encoders.videomae_checkpoint import adopt_videomae_weights
from macbdf_mm.models.layers.step_masks import blank_invalid
from macbdf_mm.registry import MODELS


@MODELS.register_module()
class VideoTransformerEncoder(GridTransformerEncoder):
    """Tubelets and a transformer; the grid (T', H', W') is kept (3.1).

    With the defaults its features equal those of mmaction2's ``VisionTransformer`` with
    ``return_feat_map=True`` for equal weights, and checkpoints of that model load into it,
    for instance by ``init_cfg=dict(type='Pretrained', checkpoint=...)``; see
    :mod:`macbdf_mm.models.encoders.videomae_checkpoint`.

    Args:
        img_size: Height and width that the positions are made for, one number if equal: those
            of pretraining where weights are loaded. Clips of another size are fine.
        num_frames: Number of frames that the positions are made for.
        patch_size: Height and width of a tubelet in pixels.
        tubelet_size: Length of a tubelet in frames.
        in_channels: Channels of a frame.
        embed_dims: Channels C of the tokens.
        depth: Number of transformer blocks.
        num_heads: Number of attention heads, a divisor of ``embed_dims``.
        mlp_ratio: Hidden width of the feed-forward parts over ``embed_dims``.
        drop_rate: Dropout of positions, attention outputs and feed-forward parts.
        drop_path_rate: Stochastic depth of the last block; it grows linearly from 0.
        stem: 'tubelet' as in VideoMAE, or 'convolutional', which trains faster from scratch.
        position: 'sincos' (VideoMAE's fixed table) or 'learnable'.
        final_norm: Whether a layer norm follows the last block; VideoMAE has none there.
        difference_gain: If not 0, the difference to the frame before, times this gain, is
            given beside each frame (:func:`append_frame_difference`). A design choice of
            ours for training from scratch; VideoMAE's weights have no channels for it.
        with_cp: Whether blocks keep only their input and are computed again in the backward
            pass (gradient checkpointing).
        init_cfg: MMEngine's initialisation, for example a checkpoint to load.

    Raises:
        ValueError: If the stem or the position is unknown, sizes do not divide, or the
            gain is negative.
    """

    patch_stem = "tubelet"

    def __init__(
        self,
        img_size: int | tuple[int, int] = 224,
        num_frames: int = 16,
        patch_size: int = 16,
        tubelet_size: int = 2,
        in_channels: int = 3,
        embed_dims: int = 384,
        depth: int = 12,
        num_heads: int = 6,
        mlp_ratio: float = 4.0,
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        stem: str = "tubelet",
        position: str = "sincos",
        final_norm: bool = False,
        difference_gain: float = 0.0,
        with_cp: bool = False,
        init_cfg: Mapping[str, Any] | None = None,
    ) -> None:
        if difference_gain < 0:
            raise ArgumentError(f"Expected `difference_gain` >= 0, got {difference_gain}.")
        height, width = (img_size, img_size) if isinstance(img_size, int) else img_size
        super().__init__(
            in_channels=2 * in_channels if difference_gain else in_channels,
            size=(num_frames, height, width),
            patch=(tubelet_size, patch_size, patch_size),
            time_dim=2,
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
        self.in_channels = in_channels
        self.difference_gain = difference_gain
        self.register_load_state_dict_pre_hook(adopt_videomae_weights)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the map (B, C, T', H', W') of a video.

        Args:
            x: (B, 3, T, H, W), normalised.
            mask: (B, T) bool, True where a frame was decoded; None if all were.

        Raises:
            ValueError: If the axes are others, such as frames before channels.
        """
        check_axes(x, 5, self.in_channels, "a video (B, C, T, H, W), mmaction2's 'NCTHW',")
        if self.difference_gain:
            x = blank_invalid(x, mask, self.time_dim)
            x = append_frame_difference(x, mask, self.difference_gain)
        return super().forward(x, mask)


def append_frame_difference(video: Tensor, mask: Tensor | None, gain: float) -> Tensor:
    """Return the video with ``gain`` times its change since the frame before, (B, 2C, T, H, W).

    What a forgery adds flickers and slides against the face, while skin, background and
    lighting hardly change within a step: their common part cancels in the difference. A
    network trained from scratch on few clips finds it far sooner there.

    The first frame, and a frame that is invalid or follows an invalid one, has difference 0.

    Args:
        video: (B, C, T, H, W), zero where frames are invalid.
        mask: (B, T) bool, True for valid frames; None if all are.
        gain: Factor of the difference, to bring it to the range of the frames.
    """
    change = gain * (video[:, :, 1:] - video[:, :, :-1])
    if mask is not None:
        both_valid = mask[:, 1:] & mask[:, :-1]  # (B, T-1)
        change = change.masked_fill(~both_valid[:, None, :, None, None], 0.0)
    first = torch.zeros_like(video[:, :, :1])
    return torch.cat([video, torch.cat([first, change], dim=2)], dim=1)
