"""PyTorch's own layers in place of ours, with the same weights: the peers to beat."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from macbdf_mm.models.layers.large_kernel_attention import (
    LargeKernelBranch,
    MultiScaleLargeKernelAttention,
)
from macbdf_mm.models.layers.mstlka_block import GatedSpatialAttentionUnit, MSTLKABlock
from macbdf_mm.models.layers.transformer_block import SelfAttention
from macbdf_mm.ops import DepthwiseConv2d, DepthwiseConv3d, Linear

Module = TypeVar("Module", bound=nn.Module)
_Replace = Callable[[Any], nn.Module]


def with_stock_convolutions(model: Module) -> Module:
    """Return a copy whose depthwise convolutions are ``nn.Conv2d`` and ``nn.Conv3d``.

    Everything else stays: the token layout, linear layers, attention.
    """
    return _replaced(
        model, {DepthwiseConv2d: stock_convolution, DepthwiseConv3d: stock_convolution}
    )


def with_stock_layers(model: Module, *, is_attention_fused: bool = True) -> Module:
    """Return a copy of PyTorch's layers alone, with the same weights.

    The towers' blocks have channels first and grouped convolutions, linear layers are
    ``nn.Linear``.

    Args:
        model: The model to copy.
        is_attention_fused: Whether attention is ``scaled_dot_product_attention``, or written
            out.
    """
    return _replaced(
        model,
        {
            MSTLKABlock: StockBlock,
            SelfAttention: partial(StockAttention, is_fused=is_attention_fused),
            Linear: stock_linear,
        },
    )


def _replaced(model: Module, replacements: dict[type[nn.Module], _Replace]) -> Module:
    """Return a copy of the model, each module of a type replaced as stated."""
    model = copy.deepcopy(model)
    looked_at: list[nn.Module] = [model]
    for module in looked_at:
        for name, child in module.named_children():
            if type(child) in replacements:
                setattr(module, name, replacements[type(child)](child))
            else:
                looked_at.append(child)
    return model


def stock_linear(linear: nn.Linear) -> nn.Linear:
    """Return ``nn.Linear`` with the settings and the weights of ``linear``."""
    has_bias = linear.bias is not None
    stock = nn.Linear(linear.in_features, linear.out_features, bias=has_bias).to(linear.weight)
    stock.load_state_dict(linear.state_dict())
    return stock


def stock_convolution(conv: DepthwiseConv2d | DepthwiseConv3d) -> nn.Conv2d | nn.Conv3d:
    """Return ``nn.Conv2d`` or ``nn.Conv3d`` with the settings and the weights of ``conv``."""
    settings: dict[str, Any] = {
        "kernel_size": conv.kernel_size,
        "padding": conv.padding,
        "dilation": conv.dilation,
        "groups": conv.groups,
        "bias": conv.bias is not None,
    }
    layer = nn.Conv3d if isinstance(conv, DepthwiseConv3d) else nn.Conv2d
    stock = layer(conv.in_channels, conv.out_channels, **settings).to(conv.weight)
    stock.load_state_dict(conv.state_dict())
    return stock


class StockAttention(nn.Module):
    """:class:`SelfAttention` over stock linear layers, with its weights.

    Args:
        attention: The layer to copy.
        is_fused: Whether to call ``scaled_dot_product_attention``, or to compute the whole
            matrix of scores and its softmax.
    """

    def __init__(self, attention: SelfAttention, is_fused: bool = True) -> None:
        super().__init__()
        self.is_fused = is_fused
        self.num_heads = attention.num_heads
        self.qkv = copy.deepcopy(attention.qkv)
        self.q_bias = copy.deepcopy(attention.q_bias)
        self.v_bias = copy.deepcopy(attention.v_bias)
        self.proj = stock_linear(attention.proj)
        self.proj_drop = copy.deepcopy(attention.proj_drop)

    def forward(
        self, tokens: Tensor, mask: Tensor | None = None, key_bias: Tensor | None = None
    ) -> Tensor:
        """Return what each token gathers from the valid ones, as :class:`SelfAttention` does."""
        batch, num_tokens, _ = tokens.shape
        bias = torch.cat([self.q_bias, torch.zeros_like(self.v_bias), self.v_bias])
        qkv = F.linear(tokens, self.qkv.weight, bias)
        qkv = qkv.view(batch, num_tokens, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = qkv.unbind(0)  # (B, heads, N, C / heads)
        if mask is not None:
            mask = (mask | ~mask.any(dim=1, keepdim=True))[:, None, None, :]
        if key_bias is not None:
            added = key_bias.to(query.dtype)[:, None, None, :]
            mask = added if mask is None else added.masked_fill(~mask, float("-inf"))
        if self.is_fused:
            gathered = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        else:
            gathered = _explicit_attention(query, key, value, mask)
        gathered = gathered.transpose(1, 2).reshape(batch, num_tokens, -1)
        return self.proj_drop(self.proj(gathered))


def _explicit_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
    if mask is not None and mask.dtype == torch.bool:
        scores = scores.masked_fill(~mask, float("-inf"))
    elif mask is not None:
        scores = scores + mask
    return scores.softmax(dim=-1) @ value


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
