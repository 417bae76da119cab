import pytest
import torch

from macbdf_mm.ops.depthwise import convolution
from macbdf_mm.ops.depthwise.convolution import (
    forward_only_conv,
    from_lattices,
    input_gradient,
    to_lattices,
    weight_gradient,
)
from macbdf_mm.ops.depthwise.stock import stock_conv


@pytest.mark.parametrize("channels", [3, 130])
@pytest.mark.parametrize("lengths", [(4, 5, 3), (6, 1)])
def test_gradients_equal_autograds(channels: int, lengths: tuple[int, ...]) -> None:
    kernel_size = (3, 5, 3)[: len(lengths)]
    x = torch.randn(3, channels, *lengths, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(channels, 1, *kernel_size, dtype=torch.float64, requires_grad=True)
    y = stock_conv(x, weight, None, (1,) * len(lengths))
    grad = torch.randn_like(y)
    expected_x, expected_weight = torch.autograd.grad(y, (x, weight), grad)
    torch.testing.assert_close(input_gradient(grad, weight), expected_x)
    torch.testing.assert_close(weight_gradient(x, grad, kernel_size), expected_weight)


@pytest.mark.parametrize("dilation", [(1, 1), (2, 3)])
def test_gradcheck(dilation: tuple[int, ...]) -> None:
    x = torch.randn(2, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 1, 3, 5, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(2, dtype=torch.float64, requires_grad=True)

    def convolve(*tensors: torch.Tensor) -> torch.Tensor:
        return forward_only_conv(*tensors, dilation)

    assert torch.autograd.gradcheck(convolve, (x, weight, bias))
    assert torch.autograd.gradgradcheck(convolve, (x, weight, bias))


def test_weight_gradient_is_the_same_however_many_samples_are_joined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, grad = torch.randn(2, 5, 4, 6, 3, dtype=torch.float64)[:, :, :, :3].unbind(0)
    results = []
    for elements in (1, 2 * x[0].numel(), 10**6):
        monkeypatch.setattr(convolution, "_WEIGHT_GRADIENT_ELEMENTS", elements)
        results.append(weight_gradient(x, grad, (3, 3)))
    for result in results[1:]:
        torch.testing.assert_close(result, results[0])


@pytest.mark.parametrize("dilation", [(1, 2), (3, 2)])
def test_lattices_are_a_batch_that_leads_back(dilation: tuple[int, ...]) -> None:
    x = torch.randn(2, 3, 5, 6)
    lattices = to_lattices(x, dilation)
    assert lattices.shape[0] == 2 * dilation[0] * dilation[1]
    torch.testing.assert_close(from_lattices(lattices, (5, 6), dilation), x, rtol=0, atol=0)
