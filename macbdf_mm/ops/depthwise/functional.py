"""The depthwise convolution as a function."""

import torch
from torch import Tensor

from macbdf_mm.ops.depthwise.choose import Algorithm, choose_algorithm, describe, is_traced
from macbdf_mm.ops.depthwise.convolution import forward_only_conv
from macbdf_mm.ops.depthwise.layout import memory_format_of, to_channels_last
from macbdf_mm.ops.depthwise.stock import stock_conv
from macbdf_mm.ops.depthwise.taps import trim_kernel
from macbdf_mm.ops.depthwise.toeplitz import toeplitz_conv


def trimmed_conv(
    x: Tensor, weight: Tensor, bias: Tensor | None, dilation: tuple[int, ...]
) -> Tensor:
    """Return PyTorch's convolution by the taps that can read the input."""
    return stock_conv(x, trim_kernel(weight, dilation, x.shape[2:]), bias, dilation)


def channels_last_conv(
    x: Tensor, weight: Tensor, bias: Tensor | None, dilation: tuple[int, ...]
) -> Tensor:
    """Return the same, computed in channels-last memory."""
    y = trimmed_conv(to_channels_last(x), weight, bias, dilation)
    return y.contiguous(memory_format=memory_format_of(x))


_CONVOLVE = {
    Algorithm.STOCK: stock_conv,
    Algorithm.TRIMMED: trimmed_conv,
    Algorithm.CHANNELS_LAST: channels_last_conv,
    Algorithm.FORWARD_ONLY: forward_only_conv,
    Algorithm.TOEPLITZ: toeplitz_conv,
}


def _autocast(tensor: Tensor) -> Tensor:
    """Return the tensor in autocast's type; float64 stays, as autocast leaves it."""
    if tensor.dtype == torch.float64:
        return tensor
    return tensor.to(torch.get_autocast_dtype("cpu"))


def depthwise_conv(
    x: Tensor, weight: Tensor, bias: Tensor | None, dilation: tuple[int, ...]
) -> Tensor:
    """Return the same-padded depthwise convolution of ``x``, shape (B, C, *lengths).

    Equal to ``torch.nn.functional.conv2d`` or ``conv3d`` up to rounding, in whichever way is
    fastest for the case (see :mod:`macbdf_mm.ops.depthwise.choose`). The result has the type
    and the memory format of ``x``; on the CPU half-precision input is computed in float32.

    Args:
        x: (B, C, *lengths) with two or three spatial axes.
        weight: (C, 1, *kernel_size), odd sizes.
        bias: (C,) or None.
        dilation: Dilation of each spatial axis.
    """
    if x.device.type == "cpu" and torch.is_autocast_enabled("cpu") and not is_traced():
        cast_bias = None if bias is None else _autocast(bias)
        cast_x, cast_weight = _autocast(x), _autocast(weight)
        with torch.autocast("cpu", enabled=False):
            return depthwise_conv(cast_x, cast_weight, cast_bias, dilation)
    algorithm = choose_algorithm(describe(x, weight, bias, dilation))
    convolve = _CONVOLVE[algorithm]
    if algorithm is not Algorithm.STOCK and x.dtype in (torch.bfloat16, torch.float16):
        # The fast kernels are float32's; in half precision they fall back to plain loops.
        float_bias = None if bias is None else bias.float()
        return convolve(x.float(), weight.float(), float_bias, dilation).to(x.dtype)
    return convolve(x, weight, bias, dilation)
