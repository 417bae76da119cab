"""Depthwise convolutions to measure: those of the `s` model, and less usual ones."""

from typing import NamedTuple

import torch
from torch import Tensor

from macbdf_mm.models.layers.large_kernel_attention import DEFAULT_KERNELS

# Of the `s` model's maps: width of a block, of one of its three scales, and the grids.
BLOCK_WIDTH = 192
SCALE_WIDTH = BLOCK_WIDTH // len(DEFAULT_KERNELS)
VIDEO_GRID = (8, 14, 14)
AUDIO_GRID = (4, 64)
_GATE_KERNEL_SIZE = 7


class ConvCase(NamedTuple):
    """One convolution on one input.

    Attributes:
        batch: Samples.
        channels: Channels.
        grid: Lengths of the spatial axes.
        kernel_size: Taps of each axis.
        dilation: Dilation of each axis.
        is_channels_last: Layout of the input, and of the output's gradient.
    """

    batch: int
    channels: int
    grid: tuple[int, ...]
    kernel_size: int
    dilation: int = 1
    is_channels_last: bool = False

    def __str__(self) -> str:
        dilation = f" dilation {self.dilation}" if self.dilation > 1 else ""
        layout = "channels last" if self.is_channels_last else "contiguous"
        grid = "x".join(map(str, self.grid))
        kernel = f"{self.kernel_size}^{len(self.grid)}{dilation}"
        return f"{kernel}, B={self.batch}, C={self.channels}, {grid}, {layout}"


def block_set(batch: int, grid: tuple[int, ...], is_channels_last: bool) -> list[ConvCase]:
    """Return all convolutions of one block of the `s` model."""
    kernels: list[tuple[int, int, int]] = []
    for group in DEFAULT_KERNELS:
        kernels += [
            (SCALE_WIDTH, group.depthwise, 1),
            (SCALE_WIDTH, group.dilated, group.dilation),
            (SCALE_WIDTH, group.gate, 1),
        ]
    kernels.append((BLOCK_WIDTH, _GATE_KERNEL_SIZE, 1))
    return [
        ConvCase(batch, width, grid, size, dilation, is_channels_last)
        for width, size, dilation in kernels
    ]


def all_cases() -> list[ConvCase]:
    """Return video, audio and tiny shapes, with all kernels of a block, in both layouts.

    And kernels that reach beyond the whole map.
    """
    shapes = [
        (1, SCALE_WIDTH, VIDEO_GRID),
        (8, SCALE_WIDTH, AUDIO_GRID),
        (1, SCALE_WIDTH, AUDIO_GRID),
        (16, 32, (8, 4, 4)),
        (16, 32, (8, 16)),
        (1, 8, (5, 9)),
        (1, 8, (3, 5, 5)),
    ]
    kernels = [
        *dict.fromkeys((case.kernel_size, case.dilation) for case in block_set(1, (), False)),
        (3, 32),
    ]
    return [
        ConvCase(*shape, *kernel, last)
        for shape in shapes
        for kernel in kernels
        for last in (False, True)
    ]


def random_map(case: ConvCase) -> Tensor:
    """Return noise of the shape and in the layout of a case's input, (B, C, *grid)."""
    tokens = torch.randn(case.batch, *case.grid, case.channels)
    x = tokens.movedim(-1, 1)
    return x if case.is_channels_last else x.contiguous()
