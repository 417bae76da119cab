"""The block of the towers as one writes it with PyTorch's layers: the peer to beat."""

import torch
from torch import Tensor, nn

from benchmarks.stock_convolution import stock_convolution
from macbdf_mm.models.layers.gated_spatial_attention_unit import GatedSpatialAttentionUnit
from macbdf_mm.models.layers.large_kernel_attention import (
    LargeKernelBranch,
    MultiScaleLargeKernelAttention,
)
from macbdf_mm.models.layers.mstlka_block import MSTLKABlock


class StockBlock(nn.Module):
    """:class:`MSTLKABlock` with channels first: 1x1 and grouped convolutions of PyTorch.

    The parts have the names of the original, so that its weights fit after a reshape.

    Args:
        block: The block to copy, weights included.
    """

    def __init__(self, block: MSTLKABlock) -> None:
        super().__init__()
        self.norm_1 = _ChannelNorm(block.norm_1)
        self.attention = _StockAttention(block.attention)
        self.lambda_1 = nn.Parameter(block.lambda_1.detach().clone())
        self.norm_2 = _ChannelNorm(block.norm_2)
        self.gate = _StockGate(block.gate)
        self.lambda_2 = nn.Parameter(block.lambda_2.detach().clone())
        self.to(block.lambda_1)
        weights = block.state_dict()
        own = self.state_dict()
        self.load_state_dict({name: weights[name].view_as(own[name]) for name in own})

    def forward(self, x: Tensor) -> Tensor:
        """Return the map after the block, (B, C, ...) like ``x``."""
        x = x.contiguous()
        x = x + self.lambda_1 * self.attention(self.norm_1(x))
        return x + self.lambda_2 * self.gate(self.norm_2(x))


class _ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of a map."""

    def __init__(self, norm: nn.LayerNorm) -> None:
        super().__init__(list(norm.normalized_shape), eps=norm.eps)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.movedim(1, -1)).movedim(-1, 1).contiguous()


def _pointwise(linear: nn.Linear, like: nn.Module) -> nn.Module:
    """Return the 1x1 convolution of as many axes as ``like`` has."""
    conv = nn.Conv3d if isinstance(like, nn.Conv3d) else nn.Conv2d
    return conv(linear.in_features, linear.out_features, 1)


class _StockBranch(nn.Module):
    def __init__(self, branch: LargeKernelBranch) -> None:
        super().__init__()
        self.depthwise = stock_convolution(branch.depthwise)
        self.dilated = stock_convolution(branch.dilated)
        self.pointwise = _pointwise(branch.pointwise, branch.gate)
        self.gate = stock_convolution(branch.gate)

    def forward(self, x: Tensor) -> Tensor:
        return self.gate(x) * self.pointwise(self.dilated(self.depthwise(x)))


class _StockAttention(nn.Module):
    def __init__(self, attention: MultiScaleLargeKernelAttention) -> None:
        super().__init__()
        branches = [branch for branch in attention.scales if isinstance(branch, LargeKernelBranch)]
        self.expand = _pointwise(attention.expand, branches[0].gate)
        self.scales = nn.ModuleList(_StockBranch(branch) for branch in branches)
        self.merge = _pointwise(attention.merge, branches[0].gate)

    def forward(self, x: Tensor) -> Tensor:
        attention, value = self.expand(x).chunk(2, dim=1)
        groups = attention.chunk(len(self.scales), dim=1)
        scales = [scale(group) for scale, group in zip(self.scales, groups, strict=True)]
        return self.merge(value * torch.cat(scales, dim=1))


class _StockGate(nn.Module):
    def __init__(self, unit: GatedSpatialAttentionUnit) -> None:
        super().__init__()
        self.expand = _pointwise(unit.expand, unit.depthwise)
        self.depthwise = stock_convolution(unit.depthwise)
        self.merge = _pointwise(unit.merge, unit.depthwise)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.expand(x).chunk(2, dim=1)
        return self.merge(self.depthwise(gate) * value)
