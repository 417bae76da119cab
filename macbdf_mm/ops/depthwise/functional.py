"""The depthwise convolution as a function."""

import torch
from torch import Tensor

from macbdf_mm.ops.depthwise.choose import (
    NOTICEABLE_PRODUCTS,
    PLAIN_TENSORS,
    Algorithm,
    Case,
    choose_algorithm,
    has_fast_forward,
    is_regular,
    is_triton_on,
    is_watched,
    needs_gradient,
)
from macbdf_mm.ops.depthwise.convolution import forward_only_conv
from macbdf_mm.ops.depthwise.stock import memory_format_of, stock_conv, to_channels_last
from macbdf_mm.ops.depthwise.taps import trim_kernel, without_idle_axes
from macbdf_mm.ops.depthwise.toeplitz import toeplitz_conv
from macbdf_mm.ops.depthwise.triton_conv import triton_conv


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


_HALF_PRECISION = (torch.bfloat16, torch.float16)
_HAS_ONEDNN = torch.backends.mkldnn.is_available()
_CONVOLVE = {
    Algorithm.STOCK: stock_conv,
    Algorithm.TRIMMED: trimmed_conv,
    Algorithm.CHANNELS_LAST: channels_last_conv,
    Algorithm.FORWARD_ONLY: forward_only_conv,
    Algorithm.TOEPLITZ: toeplitz_conv,
    Algorithm.TRITON: triton_conv,
}


def _choose(x: Tensor, weight: Tensor, bias: Tensor | None, dilation: tuple[int, ...]) -> Algorithm:
    case = Case(
        x.shape,
        weight.shape,
        dilation,
        x.is_contiguous(),
        needs_gradient(x, weight, bias),
        x.dtype != torch.float64 and _HAS_ONEDNN,
        x.is_cuda,
    )
    return choose_algorithm(case)


def _autocast(tensor: Tensor) -> Tensor:
    """Return the tensor in autocast's type; what autocast leaves as it is stays."""
    if not tensor.is_floating_point() or tensor.dtype == torch.float64:
        return tensor
    return tensor.to(torch.get_autocast_dtype(tensor.device.type))


def is_left_to_stock(
    x: Tensor, weight: Tensor, bias: Tensor | None, dilation: tuple[int, ...]
) -> bool:
    """Return whether :func:`depthwise_conv` would only call PyTorch's own operation."""
    if type(x) not in PLAIN_TENSORS:
        return True
    if not x.is_cpu:
        return not is_triton_on() or is_watched()
    if torch.is_autocast_enabled("cpu"):
        return is_watched()
    if x.dtype == torch.float32 and (
        # Even all taps together are too little work to save any of it.
        x.numel() * weight.numel() < NOTICEABLE_PRODUCTS * weight.shape[0]
        or (not torch.is_grad_enabled() and has_fast_forward(dilation))
        or (max(weight.shape[2:]) <= 3 and dilation == (1, 1))
    ):
        return True  # without a look at the table: a forward of 0.03 ms would feel it
    if not is_regular(x, weight, bias):
        return True
    if x.dtype in _HALF_PRECISION:
        return False
    return _choose(x, weight, bias, dilation) is Algorithm.STOCK


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
    device = x.device.type
    is_ours = x.is_cpu or (x.is_cuda and is_triton_on())
    if is_ours and torch.is_autocast_enabled(device) and not is_watched():
        cast_bias = None if bias is None else _autocast(bias)
        cast_x, cast_weight = _autocast(x), _autocast(weight)
        with torch.autocast(device, enabled=False):
            return depthwise_conv(cast_x, cast_weight, cast_bias, dilation)
    if not is_regular(x, weight, bias):
        return stock_conv(x, weight, bias, dilation)
    weight, dilation = without_idle_axes(weight, dilation, x.shape[2:])
    convolve = _CONVOLVE[_choose(x, weight, bias, dilation)]
    if x.is_cpu and x.dtype in _HALF_PRECISION:
        # The fast kernels are float32's; in half precision they fall back to plain loops.
        float_bias = None if bias is None else bias.float()
        return convolve(x.float(), weight.float(), float_bias, dilation).to(x.dtype)
    return convolve(x, weight, bias, dilation)
