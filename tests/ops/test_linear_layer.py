"""The linear layer against a float64 product; both ways are tried on every machine."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from macbdf_mm.ops import Linear, linear, linear_layer
from macbdf_mm.ops.linear_layer import _num_samples

ROWS = (2, 784)  # of two clips; 2 x 784 x 96 x 64 products are enough for oneDNN


@pytest.fixture(params=[True, False], ids=["oneDNN", "MKL"])
def is_onednn_faster(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    answer: bool = request.param
    monkeypatch.setattr("macbdf_mm.ops.linear_layer.onednn_outruns_mkl", lambda: answer)
    return answer


def uses_convolution(call: Callable[[], object]) -> bool:
    with profile(activities=[ProfilerActivity.CPU]) as record:
        call()
    return any(event.key == "aten::conv2d" for event in record.key_averages())


def passes(layer: nn.Module, x: Tensor, grad: Tensor) -> list[Tensor]:
    """Return the output and the gradients by the input and all parameters, in float64."""
    x = x.detach().requires_grad_()
    y = layer(x)
    return [t.double() for t in (y, *torch.autograd.grad(y, [x, *layer.parameters()], grad))]


@pytest.mark.parametrize("bias", [True, False])
def test_all_passes_equal_a_float64_product(is_onednn_faster: bool, bias: bool) -> None:
    layer = Linear(96, 64, bias=bias)
    x, grad = torch.randn(*ROWS, 96), torch.randn(*ROWS, 64)
    assert uses_convolution(lambda: layer(x)) == is_onednn_faster
    reference = nn.Linear(96, 64, bias=bias).double()
    reference.load_state_dict(layer.state_dict())
    expected = passes(reference, x.double(), grad.double())
    for result, value in zip(passes(layer, x, grad), expected, strict=True):
        # float32 sums of up to 1568 products.
        torch.testing.assert_close(result, value, rtol=1e-4, atol=1e-5 * value.abs().max().item())


def test_strided_input_is_read_as_it_is(is_onednn_faster: bool) -> None:
    x, weight = torch.randn(*ROWS, 192)[..., 96:], torch.randn(64, 96)
    expected = x.double() @ weight.double().T
    torch.testing.assert_close(linear(x, weight).double(), expected, rtol=1e-4, atol=1e-4)


def test_scale_multiplies_result_and_gets_a_gradient(is_onednn_faster: bool) -> None:
    layer, scale = Linear(96, 64), torch.tensor(0.25, requires_grad=True)
    x = torch.randn(*ROWS, 96)
    torch.testing.assert_close(layer(x, scale), 0.25 * layer(x), rtol=1e-4, atol=1e-5)
    layer(x, scale).sum().backward()
    assert scale.grad is not None
    expected = (x.double() @ layer.weight.double().T + layer.bias.double()).sum().item()
    # A sum of 100 thousand numbers in another order.
    assert scale.grad.item() == pytest.approx(expected, rel=1e-3, abs=0.1)


def test_state_dict_interchanges_with_stock() -> None:
    layer, stock = Linear(3, 5), nn.Linear(3, 5)
    layer.load_state_dict(stock.state_dict())
    stock.load_state_dict(layer.state_dict())
    x = torch.randn(2, 3)
    torch.testing.assert_close(layer(x), stock(x), rtol=0, atol=0)


def test_what_convolution_would_not_do_well_is_left_to_stock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("macbdf_mm.ops.linear_layer.onednn_outruns_mkl", lambda: True)
    weight = torch.randn(64, 96)
    large = torch.randn(*ROWS, 96)
    assert uses_convolution(lambda: linear(large, weight))
    assert not uses_convolution(lambda: linear(large[:, :200], weight))  # few products
    assert not uses_convolution(lambda: linear(torch.randn(1571, 96), weight))  # a prime number
    assert not uses_convolution(lambda: linear(large.double(), weight.double()))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not uses_convolution(lambda: linear(large, weight))
        assert linear(large, weight).dtype == torch.bfloat16
    with pytest.raises(RuntimeError, match="same dtype"):
        linear(large.double(), weight)
    assert linear(torch.randn(0, 96), weight).shape == (0, 64)


def test_exported_program_holds_the_stock_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("macbdf_mm.ops.linear_layer.onednn_outruns_mkl", lambda: True)
    layer, x = Linear(96, 64), torch.randn(*ROWS, 96)
    program = torch.export.export(layer, (x,))
    calls = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert calls == {"aten.linear.default"}


def test_samples_are_the_fewest_equal_parts_that_suit() -> None:
    assert _num_samples(1568) == 16
    assert _num_samples(392) == 28
    assert _num_samples(1571) == 0
    assert _num_samples(255) == 0


def test_shapes_that_do_not_fit_get_the_message_of_stock() -> None:
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        linear(torch.randn(4096, 384), torch.randn(384, 192))


@pytest.fixture
def answer_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], bool]:
    """A function: the answer on a processor of some vendor with some vector instructions."""

    def answer(vendor: str, capability: str) -> bool:
        info = tmp_path / "cpuinfo"
        info.write_text(f"processor\t: 0\nvendor_id\t: {vendor}\n")
        monkeypatch.setattr(linear_layer, "_CPU_INFO", info)
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
        return linear_layer.onednn_outruns_mkl.__wrapped__()

    return answer


@pytest.mark.skipif(
    not (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()),
    reason="PyTorch was built without MKL or oneDNN",
)
def test_only_avx512_of_another_vendor_speaks_for_onednn(
    answer_for: Callable[[str, str], bool],
) -> None:
    assert answer_for("AuthenticAMD", "AVX512")
    assert not answer_for("GenuineIntel", "AVX512")
    assert not answer_for("AuthenticAMD", "AVX2")


def test_an_unknown_system_is_left_to_mkl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(linear_layer, "_CPU_INFO", tmp_path / "none")
    assert not linear_layer.onednn_outruns_mkl.__wrapped__()
