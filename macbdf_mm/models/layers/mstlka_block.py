"""The block of both towers: multi-scale large-kernel attention, then a gated unit (Eqs. 11-14)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from macbdf_mm.errors import ArgumentError
from macbdf_mm.models.layers.large_kernel_attention import (
    DEFAULT_KERNELS,
    DEPTHWISE_CONVS,
    MultiScaleLargeKernelAttention,
    contiguous_valid,
)
from macbdf_mm.models.layers.step_masks import TIME_DIMS, along_time
from macbdf_mm.ops import Linear

# On the demo 0.3 ended ahead of 0.1, in two seeds (docs/results/ablations.md).
DEFAULT_RESIDUAL_SCALE = 0.3


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

    def forward(
        self, tokens: Tensor, scale: Tensor | None = None, valid: Tensor | None = None
    ) -> Tensor:
        """Return the gated value of ``tokens`` (B, ..., C), times ``scale``; the same shape.

        Args:
            tokens: (B, ..., C), finite.
            scale: (), the factor of a residual branch; None for 1.
            valid: As of :class:`MultiScaleLargeKernelAttention`.
        """
        gate, value = self.expand(tokens).chunk(2, dim=-1)
        gate = self.depthwise(contiguous_valid(gate, valid).movedim(-1, 1)).movedim(1, -1)
        return self.merge(gate * value, scale)


class MSTLKABlock(nn.Module):
    """Multi-scale spatio-temporal large-kernel attention with GSAU (3.2.3, Eqs. 11-16).

    x + lambda_1 * attention(norm(x)), then x + lambda_2 * gate(norm(x)). With ``num_dims=2``
    it is the paper's MFTLKA, the same over frequency and time. Inside, channels come last:
    a 1x1 convolution is then a linear layer and no tensor is copied.

    Steps without media read as zero in every convolution, like what lies beyond the map: the valid
    steps of a padded clip come out as those of the clip that ends there.

    Args:
        embed_dims: Channels C, a multiple of the number of scales (3 by default).
        num_dims: 3 for a video's map, 2 for a spectrogram's.
        kernels: (DW, DWD, dilation, G) of each scale.
        gate_kernel_size: Taps of the GSAU's depthwise convolution.
        residual_scale: Start of the scalars lambda, which is about the share of a branch in
            the stream; at 0 a branch would have no gradient in the first step.
        with_cp: Whether to keep only what enters the block, and to compute the block again in
            the backward pass (gradient checkpointing).

    Raises:
        ValueError: If ``num_dims`` is neither 2 nor 3.
    """

    def __init__(
        self,
        embed_dims: int,
        num_dims: int = 3,
        kernels: Sequence[Sequence[int]] = DEFAULT_KERNELS,
        gate_kernel_size: int = 7,
        residual_scale: float = DEFAULT_RESIDUAL_SCALE,
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        if num_dims not in (2, 3):
            raise ArgumentError(f"Expected `num_dims` 2 or 3, got {num_dims}.")
        self.time_dim = TIME_DIMS[num_dims]
        self.with_cp = with_cp
        self.norm_1 = nn.LayerNorm(embed_dims, eps=1e-6)
        self.attention = MultiScaleLargeKernelAttention(embed_dims, num_dims, kernels)
        self.lambda_1 = nn.Parameter(torch.tensor(float(residual_scale)))
        self.norm_2 = nn.LayerNorm(embed_dims, eps=1e-6)
        self.gate = GatedSpatialAttentionUnit(embed_dims, num_dims, gate_kernel_size)
        self.lambda_2 = nn.Parameter(torch.tensor(float(residual_scale)))
        self._init_linear_maps()

    def _init_linear_maps(self) -> None:
        """Draw weights with variance 1 / fan-in, biases zero.

        A branch multiplies the results of up to five linear maps in a row. PyTorch's default
        shrinks the signal to 0.58 at each, and the branch to nothing; the paper is silent.
        """
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the map after the block, (B, C, ...) like ``x``.

        Args:
            x: (B, C, T, H, W), or (B, C, F, T) with ``num_dims=2``; finite.
            mask: (B, T) bool, True where a step is valid, None if all are. The map at other steps
                means nothing.
        """
        if self.with_cp and torch.is_grad_enabled():
            return checkpoint(self._transform, x, mask, use_reentrant=False)
        return self._transform(x, mask)

    def _transform(self, x: Tensor, mask: Tensor | None) -> Tensor:
        tokens = x.movedim(1, -1)  # (B, ..., C)
        valid = None
        if mask is not None:
            valid = along_time(mask, x.dim(), self.time_dim).movedim(1, -1)  # (B, ..., T, ..., 1)
        tokens = tokens + self.attention(self.norm_1(tokens), self.lambda_1, valid)
        tokens = tokens + self.gate(self.norm_2(tokens), self.lambda_2, valid)
        return tokens.movedim(-1, 1)
