import torch
from torch import nn

from benchmarks.stock_attention import StockAttention
from benchmarks.stock_block import StockBlock
from benchmarks.stock_model import with_stock_convolutions, with_stock_layers
from macbdf_mm.models.encoders import VideoTransformerEncoder
from macbdf_mm.models.layers.mstlka_block import MSTLKABlock
from macbdf_mm.ops import DepthwiseConv3d, Linear


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
