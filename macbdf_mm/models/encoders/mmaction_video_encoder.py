"""Video backbones of mmaction2 as encoders of the video tower."""

from collections.abc import Mapping
from typing import Any

from mmengine.model import BaseModule
from torch import Tensor, nn

from macbdf_mm.errors import ArgumentError, ConfigError
from macbdf_mm.models.encoders.grid_transformer_encoder import check_axes
from macbdf_mm.models.layers.step_masks import blank_invalid, step_mask
from macbdf_mm.registry import MODELS, build_part

_TIME_DIM = 2


@MODELS.register_module()
class MMActionVideoEncoder(BaseModule):
    """Wraps a 3-D backbone of mmaction2 that returns a map, (B, C, T', H', W').

    Such as ``VisionTransformer`` with ``return_feat_map=True``, ``UniFormer``, ``X3D``,
    ``ResNet3dSlowOnly`` or ``SwinTransformer3D``. Such a backbone knows no masks: frames that are
    not there are zero before it, and steps without a frame are zero after it, but its attention and
    its normalisation see them.

    Args:
        backbone: Config of the backbone, with the scope, as in ``mmaction.VisionTransformer``; or
            the backbone.
        embed_dims: Channels C of its map; None takes its attribute ``embed_dims``.
        init_cfg: MMEngine's initialisation; that of the backbone's weights stands in ``backbone``.

    Attributes:
        embed_dims: C.

    Raises:
        ConfigError: If the channels are not known, or the backbone returns no map.
    """

    def __init__(
        self,
        backbone: Mapping[str, Any] | nn.Module,
        embed_dims: int | None = None,
        init_cfg: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.backbone = build_part(MODELS, backbone)
        name = type(self.backbone).__name__
        own = getattr(self.backbone, "embed_dims", None)
        if embed_dims is None and not isinstance(own, int):
            raise ConfigError(
                f"The channels of the map of `{name}` are not known: set `embed_dims` of "
                "MMActionVideoEncoder."
            )
        if getattr(self.backbone, "return_feat_map", True) is False:
            raise ConfigError(
                f"`{name}` returns one vector for a clip, and an encoder has to return a map: set "
                "return_feat_map=True."
            )
        self.embed_dims: int = own if embed_dims is None else embed_dims  # type: ignore[assignment]

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the map (B, C, T', H', W') of a video, zero in steps without a frame.

        Args:
            x: (B, 3, T, H, W), normalised.
            mask: (B, T) bool, True where a frame was decoded; None if all were.

        Raises:
            ArgumentError: If the backbone returns something else than such a map.
        """
        check_axes(x, 5, 3, "a video (B, C, T, H, W), mmaction2's 'NCTHW',")
        found = self.backbone(blank_invalid(x, mask, _TIME_DIM))
        if isinstance(found, list | tuple) and found:
            found = found[-1]  # Of several stages, the last.
        if not isinstance(found, Tensor) or found.dim() != 5 or found.shape[1] != self.embed_dims:
            got = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found)
            raise ArgumentError(
                f"Expected `{type(self.backbone).__name__}` to return a map (B, C, T, H, W) with "
                f"C = `embed_dims` = {self.embed_dims}, got {got}."
            )
        if mask is None:
            return found
        return blank_invalid(found, step_mask(mask, found.shape[_TIME_DIM]), _TIME_DIM)
