import pytest
import torch
from torch import nn

from benchmarks.stock_layers import (
    StockAttention,
    StockBlock,
    stock_convolution,
    stock_linear,
    with_stock_convolutions,
    with_stock_layers,
)
from macbdf_mm.models.encoders.video_transformer_encoder import VideoTransformerEncoder
from macbdf_mm.models.layers.mstlka_block import MSTLKABlock
from macbdf_mm.models.layers.transformer_block import SelfAttention
from macbdf_mm.ops import DepthwiseConv2d, DepthwiseConv3d, Linear


@pytest.mark.parametrize("bias", [True, False])
def test_layer_is_pytorchs_with_the_same_weights(bias: bool) -> None:
    linear = Linear(4, 3, bias=bias)
    stock = stock_linear(linear)
    assert type(stock) is nn.Linear
    x = torch.randn(2, 4)
    torch.testing.assert_close(stock(x), linear(x))


@pytest.mark.parametrize(
    ("conv", "kind", "size"),
    [
        (DepthwiseConv2d(3, 5, dilation=2), nn.Conv2d, (7, 8)),
        (DepthwiseConv3d(3, (3, 5, 1), dilation=(1, 3, 1), bias=False), nn.Conv3d, (4, 7, 5)),
    ],
)
def test_layer_is_pytorchs_with_the_same_result(
    conv: DepthwiseConv2d | DepthwiseConv3d, kind: type[nn.Module], size: tuple[int, ...]
) -> None:
    stock = stock_convolution(conv)
    assert type(stock) is kind
    x = torch.randn(2, 3, *size)
    torch.testing.assert_close(stock(x), conv(x), rtol=1e-4, atol=1e-5)


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
    bias = torch.randn(mask.shape)
    for given in (mask, None):
        torch.testing.assert_close(
            stock(tokens, given, bias), attention(tokens, given, bias), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize(("num_dims", "size"), [(3, (3, 4, 5)), (2, (6, 7))])
def test_stock_block_computes_the_same(num_dims: int, size: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    block = MSTLKABlock(12, num_dims)
    with torch.no_grad():
        block.lambda_1.fill_(0.7)
        block.lambda_2.fill_(-0.4)
    stock = StockBlock(block)
    x = torch.randn(2, 12, *size)
    # float32 sums of up to 729 products, three in a row.
    torch.testing.assert_close(stock(x), block(x), rtol=1e-4, atol=1e-4)


def test_stock_block_is_made_of_pytorchs_layers_alone() -> None:
    kinds = {type(part) for part in StockBlock(MSTLKABlock(6)).modules() if not [*part.children()]}
    assert {kind for kind in kinds if kind.__module__.startswith("torch.")} == {nn.Conv3d}
    assert len(kinds) == 2  # and the layer norm over channels


def kinds(model: nn.Module) -> set[type]:
    return {type(part) for part in model.modules()}


def model() -> nn.Module:
    torch.manual_seed(0)
    encoder = VideoTransformerEncoder(
        img_size=32, num_frames=4, embed_dims=12, depth=1, num_heads=2
    )
    return nn.Sequential(encoder, MSTLKABlock(12)).eval()


def test_only_the_convolutions_are_swapped() -> None:
    own = model()
    stock = with_stock_convolutions(own)
    assert DepthwiseConv3d not in kinds(stock)
    assert {MSTLKABlock, Linear} <= kinds(stock)
    assert DepthwiseConv3d in kinds(own)  # the original is left as it is
    x = torch.randn(1, 3, 4, 32, 32)
    torch.testing.assert_close(stock(x), own(x), rtol=1e-4, atol=1e-4)


def test_all_layers_are_swapped() -> None:
    own, x = model(), torch.randn(1, 3, 4, 32, 32)
    for is_fused in (True, False):
        stock = with_stock_layers(own, is_attention_fused=is_fused)
        assert not {DepthwiseConv3d, MSTLKABlock, Linear} & kinds(stock)
        assert {StockBlock, StockAttention, nn.Linear} <= kinds(stock)
        attentions = [part for part in stock.modules() if isinstance(part, StockAttention)]
        assert all(attention.is_fused == is_fused for attention in attentions)
        torch.testing.assert_close(stock(x), own(x), rtol=1e-4, atol=1e-4)
