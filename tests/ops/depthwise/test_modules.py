import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from macbdf_mm.ops import DepthwiseConv2d, DepthwiseConv3d


@pytest.mark.parametrize(
    ("ours", "stock", "lengths"),
    [(DepthwiseConv3d, nn.Conv3d, (4, 5, 6)), (DepthwiseConv2d, nn.Conv2d, (5, 6))],
)
@pytest.mark.parametrize("bias", [True, False])
def test_state_dict_interchanges_with_stock(
    ours: type[DepthwiseConv3d], stock: type[nn.Conv3d], lengths: tuple[int, ...], bias: bool
) -> None:
    fast = ours(4, 5, dilation=2, bias=bias)
    slow = stock(4, 4, 5, padding=4, dilation=2, groups=4, bias=bias)
    slow.load_state_dict(fast.state_dict())
    x = torch.randn(2, 4, *lengths)
    # float32 sums of up to 125 products in another order.
    torch.testing.assert_close(fast(x), slow(x), rtol=1e-4, atol=1e-5)
    fast.load_state_dict(slow.state_dict())


@pytest.mark.parametrize("kernel_size", [4, (3, 2, 3), 0])
def test_even_kernel_is_refused(kernel_size: int | tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="odd, positive `kernel_size`, got"):
        DepthwiseConv3d(2, kernel_size)
    with pytest.raises(ValueError, match="odd, positive `kernel_size`, got"):
        DepthwiseConv2d(2, 2)


def test_dilation_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="`dilation` >= 1, got"):
        DepthwiseConv2d(2, 3, dilation=0)


def test_checkpointing_gives_the_same_gradients() -> None:
    conv = DepthwiseConv3d(3, 5, dilation=2)
    x = torch.randn(2, 3, 4, 4, 4)
    conv(x).square().sum().backward()
    assert conv.weight.grad is not None
    plain = conv.weight.grad.clone()
    conv.zero_grad()
    checkpoint(conv, x, use_reentrant=False).square().sum().backward()
    torch.testing.assert_close(conv.weight.grad, plain)


def test_traced_module_holds_the_stock_operation() -> None:
    conv = DepthwiseConv2d(3, 5, dilation=2)
    x = torch.randn(1, 3, 6, 6)
    traced = torch.jit.trace(conv, x)
    assert "aten::index_select" not in str(traced.inlined_graph)
    # Another size than the traced one: nothing of the first may be baked in.
    x = torch.randn(2, 3, 9, 7)
    torch.testing.assert_close(traced(x), conv(x), rtol=1e-4, atol=1e-5)


def test_exported_program_holds_the_stock_operation() -> None:
    conv = DepthwiseConv3d(2, 3, dilation=2)
    x = torch.randn(1, 2, 4, 4, 4)
    program = torch.export.export(conv, (x,))
    calls = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert all("conv3d" in call for call in calls)
    torch.testing.assert_close(program.module()(x), conv(x), rtol=1e-4, atol=1e-5)
