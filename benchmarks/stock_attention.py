"""Self-attention of PyTorch's own layers, fused or with the softmax written out."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.stock_linear import stock_linear
from macbdf_mm.models.layers.transformer_block import SelfAttention


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

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return what each token gathers from the valid ones, as :class:`SelfAttention` does."""
        batch, num_tokens, _ = tokens.shape
        bias = torch.cat([self.q_bias, torch.zeros_like(self.v_bias), self.v_bias])
        qkv = F.linear(tokens, self.qkv.weight, bias)
        qkv = qkv.view(batch, num_tokens, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = qkv.unbind(0)  # (B, heads, N, C / heads)
        if mask is not None:
            mask = (mask | ~mask.any(dim=1, keepdim=True))[:, None, None, :]
        if self.is_fused:
            gathered = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        else:
            gathered = _explicit_attention(query, key, value, mask)
        gathered = gathered.transpose(1, 2).reshape(batch, num_tokens, -1)
        return self.proj_drop(self.proj(gathered))


def _explicit_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1) @ value
