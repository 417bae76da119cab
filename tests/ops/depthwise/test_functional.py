"""All algorithms against PyTorch's own convolution, in float64 unless said."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad

from macbdf_mm.ops import DepthwiseConv3d, depthwise_conv
from macbdf_mm.ops.depthwise.convolution import forward_only_conv
from macbdf_mm.ops.depthwise.functional import (
    channels_last_conv,
    is_left_to_stock,
    trimmed_conv,
)
from macbdf_mm.ops.depthwise.lattice import lattice_index
from macbdf_mm.ops.depthwise.stock import stock_conv
from macbdf_mm.ops.depthwise.toeplitz import toeplitz_conv, toeplitz_index

ALGORITHMS = {
    "trimmed": trimmed_conv,
    "channels_last": channels_last_conv,
    "forward_only": forward_only_conv,
    "toeplitz": toeplitz_conv,
    "depthwise": depthwise_conv,
}
# Sums of a few hundred products in another order; float32's differ by a few 1e-6.
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4}


@st.composite
def cases(draw: st.DrawFn) -> tuple[tuple[int, ...], ...]:
    """Shapes (B, C, *lengths), kernel sizes and dilations, some axes of length 1."""
    num_axes = draw(st.integers(2, 3))

    def axes(values: st.SearchStrategy[int]) -> tuple[int, ...]:
        return tuple(draw(values) for _ in range(num_axes))

    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 4)), *axes(st.integers(1, 6)))
    return shape, axes(st.sampled_from([1, 3, 5, 7])), axes(st.integers(1, 4))


def passes(
    convolve: Callable[..., Tensor], tensors: tuple[Tensor, ...], dilation: tuple[int, ...]
) -> tuple[Tensor, ...]:
    """Return the output and the gradients by all tensors for a fixed output gradient."""
    inputs = tuple(tensor.detach().requires_grad_() for tensor in tensors)
    y = convolve(*inputs, dilation)
    grad = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view(y.shape)
    return y, *torch.autograd.grad(y, inputs, grad)


@pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=ALGORITHMS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@settings(max_examples=25, deadline=None)
@given(case=cases(), channels_last=st.booleans(), seed=st.integers(0, 2**16))
def test_output_and_gradients_equal_stock(
    algorithm: Callable[..., Tensor],
    dtype: torch.dtype,
    case: tuple[tuple[int, ...], ...],
    channels_last: bool,
    seed: int,
) -> None:
    shape, kernel_size, dilation = case
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=generator, dtype=dtype)
    if channels_last:
        x = x.movedim(1, -1).contiguous().movedim(-1, 1)
    weight = torch.randn(shape[1], 1, *kernel_size, generator=generator, dtype=dtype)
    bias = torch.randn(shape[1], generator=generator, dtype=dtype)
    results = passes(algorithm, (x, weight, bias), dilation)
    expected = passes(stock_conv, (x, weight, bias), dilation)
    for result, reference in zip(results, expected, strict=True):
        scale = reference.abs().max().item() + 1
        torch.testing.assert_close(result, reference, rtol=0, atol=TOLERANCE[dtype] * scale)


@pytest.mark.parametrize("lengths", [(3, 4), (2, 3, 4)])
def test_gradcheck(lengths: tuple[int, ...]) -> None:
    dilation = (2, 1, 2)[: len(lengths)]
    tensors = (
        torch.randn(2, 2, *lengths, dtype=torch.float64, requires_grad=True),
        torch.randn(2, 1, *[3] * len(lengths), dtype=torch.float64, requires_grad=True),
        torch.randn(2, dtype=torch.float64, requires_grad=True),
    )
    for algorithm in ALGORITHMS.values():
        assert torch.autograd.gradcheck(lambda *t, f=algorithm: f(*t, dilation), tensors)
        assert torch.autograd.gradgradcheck(lambda *t, f=algorithm: f(*t, dilation), tensors)


@pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=ALGORITHMS)
@pytest.mark.parametrize("dilation", [(1, 1, 1), (2, 2, 2)])
def test_memory_format_is_kept(algorithm: Callable[..., Tensor], dilation: tuple[int, ...]) -> None:
    x, weight = torch.randn(2, 4, 5, 4, 3), torch.randn(4, 1, 3, 3, 3)
    assert algorithm(x, weight, None, dilation).is_contiguous()
    x = x.contiguous(memory_format=torch.channels_last_3d)
    y = algorithm(x, weight, None, dilation)
    assert y.is_contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("dilation", [(1, 1, 1), (2, 2, 2)])
def test_half_precision_is_the_rounded_float32_result(
    dtype: torch.dtype, dilation: tuple[int, ...]
) -> None:
    tensors = tuple(
        torch.randn(shape).to(dtype) for shape in ((2, 3, 5, 4, 6), (3, 1, 5, 5, 5), (3,))
    )
    results = passes(depthwise_conv, tensors, dilation)
    expected = passes(stock_conv, tuple(tensor.float() for tensor in tensors), dilation)
    for result, reference in zip(results, expected, strict=True):
        assert result.dtype == dtype
        scale = reference.abs().max().item()
        # One rounding of the output's gradient, one of the result.
        atol = 4 * torch.finfo(dtype).eps * scale
        torch.testing.assert_close(result.float(), reference, rtol=0, atol=atol)


@pytest.mark.parametrize("dilation", [(1, 1, 1), (2, 2, 2)])
def test_autocast_gives_the_type_that_stock_gives(dilation: tuple[int, ...]) -> None:
    x, weight = torch.randn(1, 2, 4, 4, 4), torch.randn(2, 1, 5, 5, 5, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = depthwise_conv(x, weight, None, dilation)
        expected = stock_conv(x, weight, None, dilation)
        y.sum().backward()
    assert y.dtype == expected.dtype == torch.bfloat16
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32
    torch.testing.assert_close(y, expected, rtol=0.02, atol=0.1)


@pytest.mark.parametrize("algorithm", [forward_only_conv, toeplitz_conv])
def test_training_follows_inference_mode(algorithm: Callable[..., Tensor]) -> None:
    """What is cached in inference mode has to be fit for a backward pass."""
    lattice_index.cache_clear()
    toeplitz_index.cache_clear()
    x, weight = torch.randn(1, 2, 5, 6), torch.randn(2, 1, 3, 3)
    with torch.inference_mode():
        algorithm(x, weight, None, (2, 2))
    results = passes(lambda x, w, d: algorithm(x, w, None, d), (x, weight), (2, 2))
    expected = passes(lambda x, w, d: stock_conv(x, w, None, d), (x, weight), (2, 2))
    for result, reference in zip(results, expected, strict=True):
        # float32 sums of up to 30 products in another order.
        torch.testing.assert_close(result, reference, rtol=1e-4, atol=1e-5)


def test_empty_batch_and_missing_batch_axis_work_as_in_stock() -> None:
    weight = torch.randn(2, 1, 3, 3, requires_grad=True)
    assert depthwise_conv(torch.randn(0, 2, 4, 4), weight, None, (2, 2)).shape == (0, 2, 4, 4)
    x = torch.randn(2, 4, 4)
    torch.testing.assert_close(
        depthwise_conv(x, weight, None, (2, 2)), depthwise_conv(x[None], weight, None, (2, 2))[0]
    )


def test_what_is_left_to_stock_is_told_without_computing() -> None:
    x, weight = torch.randn(2, 64, 4, 7, 7), torch.randn(64, 1, 7, 7, 7, requires_grad=True)
    assert not is_left_to_stock(x, weight, None, (1, 1, 1))
    assert is_left_to_stock(x[:1, :1], weight[:1], None, (1, 1, 1))  # tiny
    assert is_left_to_stock(x.to("meta"), weight, None, (1, 1, 1))
    # In half precision stock is slow everywhere, tiny or not.
    assert not is_left_to_stock(x.bfloat16(), weight.bfloat16(), None, (1, 1, 1))
    with torch.no_grad():
        assert is_left_to_stock(x, weight, None, (1, 1, 1))
        assert not is_left_to_stock(x, weight, None, (2, 1, 1))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert not is_left_to_stock(x, weight, None, (1, 1, 1))


def make_pair(*shape: int, **options: torch.dtype) -> tuple[nn.Module, nn.Module, Tensor]:
    """Return ours and stock's with the same weights, in a case for sub-lattices, and input."""
    own = DepthwiseConv3d(16, 5, 3)
    stock = nn.Conv3d(16, 16, 5, padding=6, dilation=3, groups=16)
    stock.load_state_dict(own.state_dict())
    return own.to(**options), stock.to(**options), torch.randn(*shape, 16, 8, 8, 8, **options)


@pytest.mark.parametrize("dilation", [(1, 1, 1), (2, 2, 2)])
def test_complex_numbers_are_left_to_stock(dilation: tuple[int, ...]) -> None:
    x, weight, bias = (
        torch.randn(*shape, dtype=torch.complex64)
        for shape in ((2, 16, 6, 7, 8), (16, 1, 5, 5, 5), (16,))
    )
    for own, stock in zip(
        passes(depthwise_conv, (x, weight, bias), dilation),
        passes(stock_conv, (x, weight, bias), dilation),
        strict=True,
    ):
        assert torch.equal(own, stock)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert depthwise_conv(x, weight, bias, dilation).dtype == torch.complex64


def test_fake_tensors_leave_nothing_behind() -> None:
    lattice_index.cache_clear()
    toeplitz_index.cache_clear()
    with FakeTensorMode():
        DepthwiseConv3d(16, 5, 3)(torch.randn(4, 16, 8, 8, 8)).sum().backward()
    own, stock, x = make_pair(4)
    torch.testing.assert_close(own(x), stock(x), rtol=1e-4, atol=1e-5)
    with FakeTensorMode(allow_non_fake_inputs=True):
        assert own(x).shape == x.shape


def test_transforms_see_the_stock_operation() -> None:
    own, stock, x = make_pair(2, 4)

    def outcomes(module: nn.Module) -> list[Tensor]:
        weights = dict(module.named_parameters())

        def loss(weights: dict[str, Tensor], clip: Tensor) -> Tensor:
            return torch.func.functional_call(module, weights, (clip,)).square().sum()

        slopes = torch.func.vmap(torch.func.grad(loss), (None, 0))(weights, x)
        dual = torch.func.jvp(module, (x[0],), (x[1],))
        return [torch.func.vmap(module)(x), *slopes.values(), *dual]

    for ours, theirs in zip(outcomes(own), outcomes(stock), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-3)
    with forward_ad.dual_level():
        dual = forward_ad.unpack_dual(own(forward_ad.make_dual(x[0], x[1])))
    torch.testing.assert_close(dual.tangent, torch.func.jvp(stock, (x[0],), (x[1],))[1])


def test_symbolic_tracing_finds_the_stock_operation() -> None:
    own, stock, x = make_pair(2)
    traced = torch.fx.symbolic_trace(nn.Sequential(own))
    assert torch.nn.functional.conv3d in {node.target for node in traced.graph.nodes}
    torch.testing.assert_close(traced(x), stock(x))


@settings(deadline=None, max_examples=40)
@given(
    lengths=st.lists(st.integers(1, 6), min_size=2, max_size=3).map(tuple),
    dilation=st.sampled_from([6, 7, 100, 10**6]),
    is_last=st.booleans(),
)
def test_a_dilation_beyond_the_map_costs_no_padding(
    lengths: tuple[int, ...], dilation: int, is_last: bool
) -> None:
    """A million would make 10**18 sub-lattices; the reference's taps miss the map as well."""
    steps = (*[1] * (len(lengths) - 1), dilation) if is_last else (dilation,) * len(lengths)
    x = torch.randn(2, 4, *lengths, dtype=torch.float64)
    weight = torch.randn(4, 1, *[3] * len(lengths), dtype=torch.float64)
    near = tuple(min(step, length) for step, length in zip(steps, lengths, strict=True))
    own = passes(lambda x, weight, d: depthwise_conv(x, weight, None, d), (x, weight), steps)
    expected = passes(lambda x, weight, d: stock_conv(x, weight, None, d), (x, weight), near)
    for ours, theirs in zip(own, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
