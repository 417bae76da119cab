"""Depthwise convolutions as modules: drop-in replacements for ``nn.Conv3d`` and ``nn.Conv2d``."""

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.utils import _ntuple

from macbdf_mm.errors import ArgumentError
from macbdf_mm.ops.depthwise.functional import depthwise_conv, is_left_to_stock
from macbdf_mm.ops.depthwise.stock import same_padding


class _DepthwiseConv(_ConvNd):
    """What both convolutions share: their arguments, and the choice of the algorithm."""

    _num_axes: int

    def __init__(
        self,
        channels: int,
        kernel_size: int | tuple[int, ...],
        dilation: int | tuple[int, ...] = 1,
        bias: bool = True,
    ) -> None:
        of_each_axis = _ntuple(self._num_axes)
        sizes, steps = of_each_axis(kernel_size), of_each_axis(dilation)
        if any(size < 1 or size % 2 == 0 for size in sizes):
            raise ArgumentError(
                f"Expected odd, positive `kernel_size`, got {sizes}. An even kernel has no "
                "centre, so that equal padding on both sides cannot keep the length."
            )
        if any(step < 1 for step in steps):
            raise ArgumentError(f"Expected `dilation` >= 1, got {steps}.")
        super().__init__(  # type: ignore[call-arg]  # of the class that comes after this one
            channels,
            channels,
            sizes,
            padding=same_padding(sizes, steps),
            dilation=steps,
            groups=channels,
            bias=bias,
        )

    def forward(self, input: Tensor) -> Tensor:
        """Return the convolution of (B, C, *lengths), the same shape."""
        # Looking up a parameter takes PyTorch as long as all of the choice.
        weight, bias = self.weight, self.bias
        if is_left_to_stock(input, weight, bias, self.dilation):
            return self._conv_forward(input, weight, bias)
        return depthwise_conv(input, weight, bias, self.dilation)


class DepthwiseConv3d(_DepthwiseConv, nn.Conv3d):
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

    _num_axes = 3


class DepthwiseConv2d(_DepthwiseConv, nn.Conv2d):
    """One 2-D kernel per channel, stride 1, zero padding that keeps the lengths.

    The twin of :class:`DepthwiseConv3d` for ``nn.Conv2d``; same arguments and errors.
    """

    _num_axes = 2
