"""The gated spatial attention unit, Eq. 14."""

from torch import Tensor, nn

from macbdf_mm.models.layers.large_kernel_attention import DEPTHWISE_CONVS
from macbdf_mm.ops import Linear


class GatedSpatialAttentionUnit(nn.Module):
    """GSAU: one half of the channels, seen through a depthwise convolution, gates the other.

    1x1 to 2C gives (gate, value); 1x1 of DW(gate) * value. It stands where a transformer has
    its feed-forward part.

    Args:
        embed_dims: Channels C.
        num_dims: 3 for a video's map, 2 for a spectrogram's.
        kernel_size: Taps of the depthwise convolution along every axis, odd.
    """

    def __init__(self, embed_dims: int, num_dims: int, kernel_size: int = 7) -> None:
        super().__init__()
        self.expand = Linear(embed_dims, 2 * embed_dims)
        self.depthwise = DEPTHWISE_CONVS[num_dims](embed_dims, kernel_size)
        self.merge = Linear(embed_dims, embed_dims)

    def forward(self, tokens: Tensor, scale: Tensor | None = None) -> Tensor:
        """Return the gated value of ``tokens`` (B, ..., C), times ``scale``; the same shape.

        Args:
            tokens: (B, ..., C).
            scale: (), the factor of a residual branch; None for 1.
        """
        gate, value = self.expand(tokens).chunk(2, dim=-1)
        # Half of the channels is not contiguous, and the convolution would copy it in each pass.
        gate = self.depthwise(gate.contiguous().movedim(-1, 1)).movedim(1, -1)
        return self.merge(gate * value, scale)
