"""The modules as drop-in replacements, wherever PyTorch lets a module be used."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from macbdf_mm.ops import DepthwiseConv2d, DepthwiseConv3d

OURS = {2: DepthwiseConv2d, 3: DepthwiseConv3d}
STOCK = {2: nn.Conv2d, 3: nn.Conv3d}
# Of the largest value: sums of up to a few hundred products in another order for float32 and
# float64, a rounding of operands and result for the others.
TOLERANCE = {
    torch.float64: 1e-12,
    torch.float32: 2e-5,
    torch.bfloat16: 2**-7,
    torch.float16: 2**-9,
}


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Shape of the input, kernel size and dilation; axes from 1 up, even and odd."""
    num_axes = draw(st.integers(2, 3))

    def axes(values: st.SearchStrategy[int]) -> tuple[int, ...]:
        return tuple(draw(values) for _ in range(num_axes))

    longest = 24 if num_axes == 2 else 9
    shape = draw(st.integers(1, 4)), draw(st.integers(1, 20)), *axes(st.integers(1, longest))
    return shape, axes(st.sampled_from([1, 3, 5, 7, 9])), axes(st.integers(1, 5))


def pair(
    channels: int, kernel_size: tuple[int, ...], dilation: tuple[int, ...], bias: bool = True
) -> tuple[nn.Module, nn.Module]:
    """Return our module and PyTorch's with the same weights, which went both ways."""
    axes = len(kernel_size)
    ours = OURS[axes](channels, kernel_size, dilation, bias)
    padding = tuple((k - 1) // 2 * d for k, d in zip(kernel_size, dilation, strict=True))
    stock = STOCK[axes](channels, channels, kernel_size, 1, padding, dilation, channels, bias)
    stock.load_state_dict(ours.state_dict())
    ours.load_state_dict(stock.state_dict())
    return ours, stock


def passes(module: nn.Module, x: Tensor, grad: Tensor) -> list[Tensor]:
    """Return the output and the gradients by the input and all parameters."""
    x = x.detach().requires_grad_()
    y = module(x)
    return [y, *torch.autograd.grad(y, [x, *module.parameters()], grad)]


@settings(max_examples=60, deadline=None)
@given(
    convolution=convolutions(),
    dtype=st.sampled_from(list(TOLERANCE)),
    bias=st.booleans(),
    channels_last=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_module_equals_stock(
    convolution: tuple[tuple[int, ...], ...],
    dtype: torch.dtype,
    bias: bool,
    channels_last: bool,
    seed: int,
) -> None:
    shape, kernel_size, dilation = convolution
    torch.manual_seed(seed)
    ours, stock = pair(shape[1], kernel_size, dilation, bias)
    ours = ours.to(dtype)
    # The reference has the rounded weights and inputs, and computes in float64.
    stock = stock.to(dtype).double()
    x, grad = torch.randn(shape).to(dtype), torch.randn(shape).to(dtype)
    if channels_last:
        x = x.movedim(1, -1).contiguous().movedim(-1, 1)
    own, expected = passes(ours, x, grad), passes(stock, x.double(), grad.double())
    with torch.no_grad():
        own.append(ours(x))
    for result, value in zip(own, [*expected, expected[0]], strict=True):
        assert result.dtype == dtype
        assert result.shape == value.shape
        atol = TOLERANCE[dtype] * max(value.abs().max().item(), 1e-3)
        torch.testing.assert_close(result.double(), value, rtol=0, atol=atol)


@settings(max_examples=10, deadline=None)
@given(convolution=convolutions(), seed=st.integers(0, 2**16))
def test_gradients_in_float64(convolution: tuple[tuple[int, ...], ...], seed: int) -> None:
    shape, kernel_size, dilation = convolution
    torch.manual_seed(seed)
    # Small enough for finite differences over each element.
    shape = (min(shape[0], 2), min(shape[1], 2), *(min(length, 5) for length in shape[2:]))
    module = OURS[len(kernel_size)](shape[1], kernel_size, dilation).double()
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    weight, bias = module.weight, module.bias

    def convolve(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.func.functional_call(module, {"weight": weight, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(convolve, (x, weight, bias), fast_mode=True)


@pytest.mark.parametrize("kernel_size", [4, (3, 2, 3), 0])
def test_even_kernel_is_refused(kernel_size: int | tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="odd, positive `kernel_size`, got"):
        DepthwiseConv3d(2, kernel_size)
    with pytest.raises(ValueError, match="odd, positive `kernel_size`, got"):
        DepthwiseConv2d(2, 2)


def test_dilation_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="`dilation` >= 1, got"):
        DepthwiseConv2d(2, 3, dilation=0)


@pytest.fixture
def conv() -> DepthwiseConv3d:
    """A module whose training pass is not stock's."""
    return DepthwiseConv3d(24, 5, dilation=2)


@pytest.fixture
def x() -> Tensor:
    return torch.randn(2, 24, 8, 8, 8)


def test_checkpointing_gives_the_same_gradients(conv: DepthwiseConv3d, x: Tensor) -> None:
    (plain,) = torch.autograd.grad(conv(x).square().sum(), conv.weight)
    again = checkpoint(conv, x, use_reentrant=False)
    (saved,) = torch.autograd.grad(again.square().sum(), conv.weight)
    torch.testing.assert_close(saved, plain)


def test_distributed_data_parallel_gives_the_same_gradients(
    conv: DepthwiseConv3d, x: Tensor, tmp_path: Path
) -> None:
    (plain,) = torch.autograd.grad(conv(x).square().sum(), conv.weight)
    distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1
    )
    try:
        DistributedDataParallel(conv)(x).square().sum().backward()
    finally:
        distributed.destroy_process_group()
    torch.testing.assert_close(conv.weight.grad, plain)


def test_autocast_gives_the_type_and_the_weights_keep_theirs(
    conv: DepthwiseConv3d, x: Tensor
) -> None:
    expected = conv(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = conv(x)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), expected, rtol=0.02, atol=0.02)
    y.float().sum().backward()
    assert conv.weight.grad is not None
    assert conv.weight.grad.dtype == torch.float32


def test_compiled_module_has_no_break_and_equals_stock(conv: DepthwiseConv3d, x: Tensor) -> None:
    # Without a code generator: what is tested is what the compiler gets to see.
    compiled = torch.compile(conv, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), conv(x), rtol=1e-4, atol=1e-5)


def test_traced_module_holds_the_stock_operation(conv: DepthwiseConv3d, x: Tensor) -> None:
    traced = torch.jit.trace(conv, x)
    assert "aten::index_select" not in str(traced.inlined_graph)
    # Another size than the traced one: nothing of the first may be baked in.
    x = torch.randn(1, 24, 9, 7, 6)
    torch.testing.assert_close(traced(x), conv(x), rtol=1e-4, atol=1e-5)


def test_exported_program_holds_the_stock_operation(conv: DepthwiseConv3d, x: Tensor) -> None:
    program = torch.export.export(conv, (x,))
    calls = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert calls == {"aten.conv3d.default"}
    torch.testing.assert_close(program.module()(x), conv(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("axes", [2, 3])
def test_onnx_model_is_one_convolution(axes: int) -> None:
    pytest.importorskip("onnxscript", reason="needs onnx and onnxscript, of the extra `dev`")
    from onnx.reference import ReferenceEvaluator

    conv = OURS[axes](6, 5, dilation=2).eval()
    x = torch.randn(2, 6, *(5, 6, 7)[:axes])
    program = torch.onnx.export(conv, (x,), dynamo=True, verbose=False)
    assert program is not None
    model = program.model_proto
    assert [node.op_type for node in model.graph.node] == ["Conv"]
    (y,) = ReferenceEvaluator(model).run(None, {model.graph.input[0].name: x.numpy()})
    torch.testing.assert_close(torch.from_numpy(y), conv(x).detach(), rtol=1e-4, atol=1e-5)
