import pytest
import torch

from macbdf_mm.ops.depthwise.convolution import (
    forward_only_conv,
    input_gradient,
    weight_gradient,
)
from macbdf_mm.ops.depthwise.stock import stock_conv


@pytest.mark.parametrize("channels", [3, 130])
@pytest.mark.parametrize("lengths", [(4, 5, 3), (6, 1)])
def test_gradients_equal_autograds(channels: int, lengths: tuple[int, ...]) -> None:
    kernel_size = (3, 5, 3)[: len(lengths)]
    x = torch.randn(3, channels, *lengths, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(channels, 1, *kernel_size, dtype=torch.float64, requires_grad=True)
    y = stock_conv(x, weight, None, [1] * len(lengths))
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
