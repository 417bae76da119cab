"""Run the Triton kernels in Triton's interpreter and print their errors as JSON.

A script, for the interpreter has to be chosen before the kernels are imported.
"""

import json
import os

os.environ["TRITON_INTERPRET"] = "1"

import torch
from torch import Tensor
from torch.nn import functional as F

from macbdf_mm.ops.depthwise import triton_conv

# Several parts of the weight gradient, without thousands of points.
triton_conv._POINTS_PER_PART = 32

# Shape, kernel size, dilation: odd and tiny axes, more than one block of points and channels,
# and taps that read only padding.
CASES = [
    ((2, 3, 2, 4, 5), (3, 5, 3), (1, 2, 1)),
    ((1, 70, 1, 3, 3), (1, 3, 3), (1, 1, 1)),
    ((1, 2, 3, 1, 1), (5, 3, 3), (4, 1, 1)),
    ((1, 5, 6, 7), (5, 3), (2, 1)),
]
HALF_PRECISION_CASE = ((2, 3, 2, 3, 3), (3, 3, 3), (1, 1, 1))


def errors(
    shape: tuple[int, ...],
    kernel: tuple[int, ...],
    dilation: tuple[int, ...],
    dtypes: tuple[torch.dtype, ...] = (torch.float32,),
) -> dict[str, list[float]]:
    """Return the largest error of each pass over the largest value, by type."""
    torch.manual_seed(0)
    channels = shape[1]
    sizes = (shape, (channels, 1, *kernel), (channels,))
    found = {}
    for dtype in dtypes:
        tensors = [torch.randn(size).to(dtype) for size in sizes]
        grad = torch.randn(shape).to(dtype)
        own = passes(lambda *t: triton_conv.triton_conv(*t, dilation), tensors, grad)
        expected = passes(
            lambda *t: convolve(*t, kernel, dilation), [t.double() for t in tensors], grad.double()
        )
        assert all(result.dtype == dtype for result in own)
        found[str(dtype)] = [
            ((result.double() - value).abs().max() / value.abs().max()).item()
            for result, value in zip(own, expected, strict=True)
        ]
    return found


def convolve(x: Tensor, weight: Tensor, bias: Tensor, kernel, dilation) -> Tensor:
    """Return PyTorch's convolution."""
    function = F.conv3d if len(kernel) == 3 else F.conv2d
    padding = [(size - 1) // 2 * step for size, step in zip(kernel, dilation, strict=True)]
    return function(x, weight, bias, 1, padding, dilation, weight.shape[0])


def passes(function, tensors: list[Tensor], grad: Tensor) -> list[Tensor]:
    """Return the output and the gradients by all tensors."""
    inputs = [tensor.detach().requires_grad_() for tensor in tensors]
    y = function(*inputs)
    return [y, *torch.autograd.grad(y, inputs, grad)]


if __name__ == "__main__":
    half = errors(*HALF_PRECISION_CASE, dtypes=(torch.bfloat16, torch.float16))
    print(json.dumps([*(errors(*case) for case in CASES), half]))
