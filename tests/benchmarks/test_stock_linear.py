import pytest
import torch
from torch import nn

from benchmarks.stock_linear import stock_linear
from macbdf_mm.ops import Linear


@pytest.mark.parametrize("bias", [True, False])
def test_layer_is_pytorchs_with_the_same_weights(bias: bool) -> None:
    linear = Linear(4, 3, bias=bias)
    stock = stock_linear(linear)
    assert type(stock) is nn.Linear
    x = torch.randn(2, 4)
    torch.testing.assert_close(stock(x), linear(x))
