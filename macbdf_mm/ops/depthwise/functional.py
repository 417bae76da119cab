"""The depthwise convolution as a function."""

from torch import Tensor

from macbdf_mm.ops.depthwise.choose import Algorithm, choose_algorithm, describe
from macbdf_mm.ops.depthwise.convolution import forward_only_conv
from macbdf_mm.ops.depthwise.stock import stock_conv
from macbdf_mm.ops.depthwise.taps import trim_kernel
from macbdf_mm.ops.depthwise.toeplitz import toeplitz_conv


def trimmed_conv(
    x: Tensor, weight: Tensor, bias: Tensor | None, dilation: tuple[int, ...]
) -> Tensor:
    """Return PyTorch's convolution by the taps that can read the input."""
    return stock_conv(x, trim_kernel(weight, dilation, x.shape[2:]), bias, dilation)


_CONVOLVE = {
    Algorithm.STOCK: stock_conv,
    Algorithm.TRIMMED: trimmed_conv,
    Algorithm.FORWARD_ONLY: forward_only_conv,
    Algorithm.TOEPLITZ: toeplitz_conv,
}


def depthwise_conv(
    x: Tensor, weight: Tensor, bias: Tensor | None, dilation: tuple[int, ...]
) -> Tensor:
    """Return the same-padded depthwise convolution of ``x``, shape (B, C, *lengths).

    Equal to ``torch.nn.functional.conv2d`` or ``conv3d`` up to rounding, in whichever way is
    fastest for the case (see :mod:`macbdf_mm.ops.depthwise.choose`). The result has the
    memory format of ``x``.

    Args:
        x: (B, C, *lengths) with two or three spatial axes.
        weight: (C, 1, *kernel_size), odd sizes.
        bias: (C,) or None.
        dilation: Dilation of each spatial axis.
    """
    algorithm = choose_algorithm(describe(x, weight, bias, dilation))
    return _CONVOLVE[algorithm](x, weight, bias, dilation)
