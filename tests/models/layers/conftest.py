"""Dense, double-precision references for the layers."""

import pytest
import torch
import torch.nn.functional as F


@pytest.fixture
def dense_depthwise():
    """A function: the depthwise convolution as a dense one with a diagonal kernel, float64."""

    def convolve(x, layer, dilation=1):
        channels = x.shape[1]
        kernel = torch.zeros(channels, channels, *layer.weight.shape[2:], dtype=torch.float64)
        for channel in range(channels):
            kernel[channel, channel] = layer.weight[channel, 0].double()
        padding = [(size - 1) // 2 * dilation for size in kernel.shape[2:]]
        dense = F.conv3d if x.dim() == 5 else F.conv2d
        return dense(x, kernel, layer.bias.double(), padding=padding, dilation=dilation)

    return convolve


@pytest.fixture
def dense_pointwise():
    """A function: a linear layer over channels as a sum over pairs of channels, float64."""

    def convolve(x, layer):
        mixed = torch.einsum("oc,bc...->bo...", layer.weight.double(), x)
        return mixed + layer.bias.double().view(-1, *[1] * (x.dim() - 2))

    return convolve


@pytest.fixture
def randomise():
    """A function that draws all parameters anew, biases included, and returns the module."""

    def draw(module, seed=0):
        generator = torch.Generator().manual_seed(seed)
        for parameter in module.parameters():
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 4
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.data = noise * fan_in**-0.5
        return module

    return draw
