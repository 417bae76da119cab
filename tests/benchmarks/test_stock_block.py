import pytest
import torch
from torch import nn

from benchmarks.stock_block import StockBlock
from macbdf_mm.models.layers.mstlka_block import MSTLKABlock


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
