import pytest
import torch

from benchmarks.stock_attention import StockAttention
from macbdf_mm.models.layers.transformer_block import SelfAttention


@pytest.mark.parametrize("is_fused", [True, False])
def test_both_ways_attend_to_the_same(is_fused: bool) -> None:
    attention = SelfAttention(12, 3)
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    stock = StockAttention(attention, is_fused)
    tokens = torch.randn(3, 5, 12)
    mask = torch.ones(3, 5, dtype=torch.bool)
    mask[1, 2:] = False
    mask[2] = False  # nothing valid: all is attended to
    torch.testing.assert_close(stock(tokens, mask), attention(tokens, mask), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(stock(tokens), attention(tokens), rtol=1e-4, atol=1e-5)
