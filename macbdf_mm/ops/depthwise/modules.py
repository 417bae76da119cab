"""Depthwise convolutions as modules: drop-in replacements for ``nn.Conv3d`` and ``nn.Conv2d``."""

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.utils import _pair, _triple

from macbdf_mm.errors import ArgumentError
from macbdf_mm.ops.depthwise.functional import depthwise_conv, is_left_to_stock
from macbdf_mm.ops.depthwise.stock import same_padding


def _check_shape(kernel_size: tuple[int, ...], dilation: tuple[int, ...]) -> None:
    """Check that the convolution can keep the lengths of its input.

    Raises:
        ValueError: If a kernel size is even or not positive, or a dilation is not positive.
    """
    if any(size < 1 or size % 2 == 0 for size in kernel_size):
        raise ArgumentError(
            f"Expected odd, positive `kernel_size`, got {kernel_size}. An even kernel has no "
            "centre, so that equal padding on both sides cannot keep the length."
        )
    if any(step < 1 for step in dilation):
        raise ArgumentError(f"Expected `dilation` >= 1, got {dilation}.")


class DepthwiseConv3d(nn.Conv3d):
    """One 3-D kernel per channel, stride 1, zero padding that keeps the lengths.

    Same parameters and state_dict as ``nn.Conv3d(channels, channels, kernel_size,
    padding=dilation * (kernel_size - 1) // 2, dilation=dilation, groups=channels)``, and the
    same output up to rounding; only the way of computing differs. What PyTorch's transforms,
    compilers and exporters see is PyTorch's own operation. Two things of ``nn.Conv3d`` do not
    work: ``torch.jit.script``, and gradients of many outputs at once (``is_grads_batched``).

    Args:
        channels: Number of channels.
        kernel_size: Odd number of taps, of all axes or of each.
        dilation: Distance between two taps, of all axes or of each.
        bias: Whether to add a learnt value per channel.

    Raises:
        ValueError: If a kernel size is even or not positive, or a dilation is not positive.
    """

    def __init__(
        self,
        channels: int,
        kernel_size: int | tuple[int, int, int],
        dilation: int | tuple[int, int, int] = 1,
        bias: bool = True,
    ) -> None:
        sizes, steps = _triple(kernel_size), _triple(dilation)
        _check_shape(sizes, steps)
        super().__init__(
            channels,
            channels,
            sizes,
            padding=_triple(same_padding(sizes, steps)),
            dilation=steps,
            groups=channels,
            bias=bias,
        )

    def forward(self, input: Tensor) -> Tensor:
        """Return the convolution of (B, C, T, H, W), the same shape."""
        # Looking up a parameter takes PyTorch as long as all of the choice.
        weight, bias = self.weight, self.bias
        if is_left_to_stock(input, weight, bias, self.dilation):
            return F.conv3d(input, weight, bias, 1, self.padding, self.dilation, self.groups)
        return depthwise_conv(input, weight, bias, self.dilation)


class DepthwiseConv2d(nn.Conv2d):
    """One 2-D kernel per channel, stride 1, zero padding that keeps the lengths.

    The twin of :class:`DepthwiseConv3d` for ``nn.Conv2d``; same arguments and errors.
    """

    def __init__(
        self,
        channels: int,
        kernel_size: int | tuple[int, int],
        dilation: int | tuple[int, int] = 1,
        bias: bool = True,
    ) -> None:
        sizes, steps = _pair(kernel_size), _pair(dilation)
        _check_shape(sizes, steps)
        super().__init__(
            channels,
            channels,
            sizes,
            padding=_pair(same_padding(sizes, steps)),
            dilation=steps,
            groups=channels,
            bias=bias,
        )

    def forward(self, input: Tensor) -> Tensor:
        """Return the convolution of (B, C, H, W), the same shape."""
        # Looking up a parameter takes PyTorch as long as all of the choice.
        weight, bias = self.weight, self.bias
        if is_left_to_stock(input, weight, bias, self.dilation):
            return F.conv2d(input, weight, bias, 1, self.padding, self.dilation, self.groups)
        return depthwise_conv(input, weight, bias, self.dilation)
