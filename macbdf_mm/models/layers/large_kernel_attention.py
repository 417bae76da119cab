"""Large-kernel attention at several scales, Eqs. 12, 15 and 16."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from macbdf_mm.errors import ArgumentError
from macbdf_mm.ops import DepthwiseConv2d, DepthwiseConv3d, Linear

DEPTHWISE_CONVS: dict[int, type[DepthwiseConv2d] | type[DepthwiseConv3d]] = {
    2: DepthwiseConv2d,
    3: DepthwiseConv3d,
}


class KernelGroup(NamedTuple):
    """The kernels of one scale, in taps, the same along every axis.

    Attributes:
        depthwise: Size of DW, the local part.
        dilated: Size of DWD, the dilated part.
        dilation: Dilation of DWD.
        gate: Size of G, which gates the scale.
    """

    depthwise: int
    dilated: int
    dilation: int
    gate: int


# DW-DWD(dilation)-G as in the super-resolution network MAN (arXiv 2209.14145). They are
# stated directly because its rule for DWD, ceil(K / d), can come out even.
DEFAULT_KERNELS = (KernelGroup(3, 5, 2, 3), KernelGroup(5, 7, 3, 5), KernelGroup(7, 9, 4, 7))


class LargeKernelBranch(nn.Module):
    """One scale: G(a) * PW(DWD(DW(a))).

    Args:
        channels: Channels of the scale.
        kernels: (DW, DWD, dilation, G); the three sizes are odd.
        num_dims: 3 for a video's map, 2 for a spectrogram's.

    Raises:
        ValueError: If ``kernels`` are not four numbers.
    """

    def __init__(self, channels: int, kernels: Sequence[int], num_dims: int) -> None:
        super().__init__()
        if len(kernels) != 4:
            raise ArgumentError(
                "Expected each of `kernels` to be four numbers, (DW, DWD, dilation, G), "
                f"got {tuple(kernels)}."
            )
        group = KernelGroup(*kernels)
        conv = DEPTHWISE_CONVS[num_dims]
        self.depthwise = conv(channels, group.depthwise)
        self.dilated = conv(channels, group.dilated, group.dilation)
        self.pointwise = Linear(channels, channels)
        self.gate = conv(channels, group.gate)

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return the gated attention of ``x`` (B, C, ...) with channels last, (B, ..., C).

        Args:
            x: (B, C, ...), zero where it is not valid.
            valid: As of :class:`MultiScaleLargeKernelAttention`.
        """
        local = self.depthwise(x)
        if valid is not None:  # The convolution has written there.
            local = local * valid.movedim(-1, 1).to(local.dtype)
        context = self.dilated(local).movedim(1, -1)
        return self.gate(x).movedim(1, -1) * self.pointwise(context)


class MultiScaleLargeKernelAttention(nn.Module):
    """Large-kernel attention over groups of channels, one scale each, that weighs a value.

    1x1 to 2C gives (a, x); ``a`` is split in one group a scale; each goes through its
    :class:`LargeKernelBranch`; 1x1 of x * cat(groups).

    Args:
        embed_dims: Channels C, a multiple of the number of scales.
        num_dims: 3 for a video's map, 2 for a spectrogram's.
        kernels: (DW, DWD, dilation, G) of each scale.

    Raises:
        ValueError: If there are no scales, or they do not divide the channels.
    """

    def __init__(
        self,
        embed_dims: int,
        num_dims: int,
        kernels: Sequence[Sequence[int]] = DEFAULT_KERNELS,
    ) -> None:
        super().__init__()
        if not kernels:
            raise ArgumentError("Expected at least one group of four numbers, got no `kernels`.")
        if embed_dims % len(kernels):
            higher = -(-embed_dims // len(kernels)) * len(kernels)
            raise ArgumentError(
                f"Expected `embed_dims` to be a multiple of the {len(kernels)} groups of "
                f"`kernels`, got {embed_dims}. Try {higher}."
            )
        width = embed_dims // len(kernels)
        self.widths = [width] * len(kernels) + [embed_dims]
        self.expand = Linear(embed_dims, 2 * embed_dims)
        self.scales = nn.ModuleList(LargeKernelBranch(width, group, num_dims) for group in kernels)
        self.merge = Linear(embed_dims, embed_dims)

    def forward(
        self, tokens: Tensor, scale: Tensor | None = None, valid: Tensor | None = None
    ) -> Tensor:
        """Return the weighed value of ``tokens`` (B, ..., C), times ``scale``; the same shape.

        Args:
            tokens: (B, ..., C), finite.
            scale: (), the factor of a residual branch; None for 1.
            valid: Bool that broadcasts to (B, ..., 1), True where a token is valid: convolutions
                read zeros elsewhere, and nothing else crosses from one token to another. None if
                all are.
        """
        *groups, value = self.expand(tokens).split(self.widths, dim=-1)
        maps = [contiguous_valid(group, valid).movedim(-1, 1) for group in groups]
        branches = [branch(x, valid) for branch, x in zip(self.scales, maps, strict=True)]
        return self.merge(value * torch.cat(branches, dim=-1), scale)


def contiguous_valid(group: Tensor, valid: Tensor | None) -> Tensor:
    """Return some of the channels, (B, ..., C), in memory of their own, zero where not valid.

    Some of the channels are not contiguous, and each convolution over them would copy them in each
    pass. With ``valid`` the product is the copy.
    """
    return group.contiguous() if valid is None else group * valid.to(group.dtype)
