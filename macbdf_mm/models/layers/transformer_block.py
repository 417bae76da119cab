"""Self-attention and feed-forward, the block of both encoders."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from macbdf_mm.errors import ArgumentError
from macbdf_mm.ops import Linear, linear


class SelfAttention(nn.Module):
    """Multi-head self-attention with a padding mask.

    Queries and values have a bias, keys have none, as in VideoMAE: a key's bias adds the same
    number to a whole row of the softmax and cancels.

    Args:
        embed_dims: Channels C of the tokens.
        num_heads: Number of heads, a divisor of ``embed_dims``.
        drop_rate: Dropout of the output.

    Raises:
        ValueError: If the heads do not divide the channels.
    """

    def __init__(self, embed_dims: int, num_heads: int, drop_rate: float = 0.0) -> None:
        super().__init__()
        if num_heads < 1 or embed_dims % num_heads:
            raise ArgumentError(
                f"Expected `num_heads` to divide `embed_dims`={embed_dims}, got {num_heads}."
            )
        self.num_heads = num_heads
        self.qkv = nn.Linear(embed_dims, 3 * embed_dims, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(embed_dims))
        self.v_bias = nn.Parameter(torch.zeros(embed_dims))
        self.proj = Linear(embed_dims, embed_dims)
        self.proj_drop = nn.Dropout(drop_rate)

    def forward(
        self, tokens: Tensor, mask: Tensor | None = None, key_bias: Tensor | None = None
    ) -> Tensor:
        """Return what each token gathers from the valid ones, shape (B, N, C).

        Args:
            tokens: (B, N, C).
            mask: (B, N) bool, True where a token may be attended to. A clip without a single
                valid token attends to all of them, so that no row of the softmax is empty.
            key_bias: (B, N), added to the logits of all queries: a token counts exp(bias) times.
        """
        batch, num_tokens, _ = tokens.shape
        bias = torch.cat([self.q_bias, torch.zeros_like(self.v_bias), self.v_bias])
        qkv = linear(tokens, self.qkv.weight, bias)
        qkv = qkv.view(batch, num_tokens, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = qkv.unbind(0)  # (B, heads, N, C / heads)
        if mask is not None:
            mask = (mask | ~mask.any(dim=1, keepdim=True))[:, None, None, :]  # (B, 1, 1, N)
        if key_bias is not None:
            added = key_bias.to(query.dtype)[:, None, None, :]
            mask = added if mask is None else added.masked_fill(~mask, -torch.inf)
        gathered = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        gathered = gathered.transpose(1, 2).reshape(batch, num_tokens, -1)
        return self.proj_drop(self.proj(gathered))


class TransformerBlock(nn.Module):
    """Pre-norm transformer block: x + attention(norm(x)), then x + mlp(norm(x)) (Eq. 1).

    Args:
        embed_dims: Channels C of the tokens.
        num_heads: Number of attention heads.
        mlp_ratio: Hidden width of the feed-forward part over ``embed_dims``.
        drop_rate: Dropout after the attention and in the feed-forward part.
        drop_path_rate: Stochastic depth of both branches.
        with_cp: Whether to keep only what enters the block, and to compute the block again in
            the backward pass (gradient checkpointing).
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        mlp_ratio: float = 4.0,
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        self.with_cp = with_cp
        hidden_dims = int(embed_dims * mlp_ratio)
        self.norm1 = nn.LayerNorm(embed_dims, eps=1e-6)
        self.attn = SelfAttention(embed_dims, num_heads, drop_rate)
        self.norm2 = nn.LayerNorm(embed_dims, eps=1e-6)
        self.mlp = nn.Sequential(
            Linear(embed_dims, hidden_dims),
            nn.GELU(),
            nn.Dropout(drop_rate),
            Linear(hidden_dims, embed_dims),
            nn.Dropout(drop_rate),
        )
        self.drop_path = DropPath(drop_path_rate)
        self._init_linears()

    def _init_linears(self) -> None:
        """Draw the weights as ViT and VideoMAE do: truncated normal of width 0.02."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(
        self, tokens: Tensor, mask: Tensor | None = None, key_bias: Tensor | None = None
    ) -> Tensor:
        """Return the tokens after the block, shape (B, N, C).

        Args:
            tokens: (B, N, C).
            mask: (B, N) bool, of the keys, see :class:`SelfAttention`.
            key_bias: (B, N), as there.
        """
        if self.with_cp and torch.is_grad_enabled():
            return checkpoint(self._transform, tokens, mask, key_bias, use_reentrant=False)
        return self._transform(tokens, mask, key_bias)

    def _transform(self, tokens: Tensor, mask: Tensor | None, key_bias: Tensor | None) -> Tensor:
        tokens = tokens + self.drop_path(self.attn(self.norm1(tokens), mask, key_bias))
        return tokens + self.drop_path(self.mlp(self.norm2(tokens)))


class DropPath(nn.Module):
    """Drops a residual branch for whole clips in training (Huang et al. 2016).

    Args:
        rate: Probability of dropping the branch of a clip, in [0, 1).

    Raises:
        ValueError: If the rate is outside [0, 1).
    """

    def __init__(self, rate: float = 0.0) -> None:
        super().__init__()
        if not 0.0 <= rate < 1.0:
            raise ArgumentError(f"Expected `drop_path_rate` in [0, 1), got {rate}.")
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` (B, ...) with some clips zeroed and the others scaled by 1/(1 - rate)."""
        if not self.training or self.rate == 0.0:
            return x
        kept = x.new_empty(x.shape[0], *[1] * (x.dim() - 1)).bernoulli_(1.0 - self.rate)
        return x * kept / (1.0 - self.rate)

    def extra_repr(self) -> str:
        """Return the rate, for printing the module."""
        return f"rate={self.rate}"
