"""From an encoder's map to one unit vector a clip."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from macbdf_mm.errors import ArgumentError
from macbdf_mm.models.layers.step_masks import masked_mean


class EmbeddingProjection(nn.Module):
    """Masked mean over a map, a two-layer projection, L2 normalisation (section 3.2.1).

    The paper names no projection; the hidden layer is our choice, so that what the contrastive
    losses discard is not lost to the classifier. Computed in float32 also under autocast.

    Args:
        in_channels: Channels C of the encoder's map.
        embed_dims: Channels D of the embedding.
        hidden_dims: Width of the hidden layer; C if not given.
        time_dim: The map's time axis: 2 for video (B, C, T', H', W'), 3 for audio
            (B, C, F', T'').

    Raises:
        ValueError: If a number of channels is not positive.
    """

    def __init__(
        self,
        in_channels: int,
        embed_dims: int = 128,
        hidden_dims: int | None = None,
        time_dim: int = 2,
    ) -> None:
        super().__init__()
        if in_channels < 1 or embed_dims < 1:
            raise ArgumentError(
                f"Expected `in_channels` and `embed_dims` > 0, got {in_channels} and {embed_dims}."
            )
        self.time_dim = time_dim
        hidden_dims = in_channels if hidden_dims is None else hidden_dims
        self.layers = nn.Sequential(
            nn.Linear(in_channels, hidden_dims), nn.GELU(), nn.Linear(hidden_dims, embed_dims)
        )

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return (B, D) float32, unit length.

        Args:
            features: (B, C, ...), the encoder's map.
            mask: (B, T) bool, valid steps along the time axis. What stands elsewhere has no
                influence; a clip without a valid step gets the same vector whatever it holds.
        """
        with torch.autocast(features.device.type, enabled=False):
            pooled = masked_mean(features, mask, self.time_dim)  # (B, C)
            return F.normalize(self.layers(pooled), dim=1)
