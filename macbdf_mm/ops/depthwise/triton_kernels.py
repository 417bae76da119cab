"""Triton kernels of the depthwise convolution on channels-last maps.

A map is (B, T, H, W, C) in memory; a program takes some points and some channels, which lie
side by side. Sums are float32 whatever the type of the map. Importing this needs Triton.
"""

import triton
import triton.language as tl


@triton.jit
def _offset_of_tap(
    tap,
    KT: tl.constexpr,
    KH: tl.constexpr,
    KW: tl.constexpr,
    DT: tl.constexpr,
    DH: tl.constexpr,
    DW: tl.constexpr,
):
    """Return by how many steps, rows and columns a tap reads away from its point."""
    step = (tap // (KH * KW) - KT // 2) * DT
    row = (tap // KW % KH - KH // 2) * DH
    column = (tap % KW - KW // 2) * DW
    return step, row, column


@triton.jit
def _is_on_map(points, step, row, column, steps, height, width):
    """Return whether the points, moved by an offset, are still on the map of their clip."""
    t = points // (width * height) % steps + step
    h = points // width % height + row
    w = points % width + column
    return (t >= 0) & (t < steps) & (h >= 0) & (h < height) & (w >= 0) & (w < width)


@triton.jit
def convolve_kernel(
    x_ptr,
    weight_ptr,
    bias_ptr,
    y_ptr,
    num_points,
    steps,
    height,
    width,
    num_channels,
    KT: tl.constexpr,
    KH: tl.constexpr,
    KW: tl.constexpr,
    DT: tl.constexpr,
    DH: tl.constexpr,
    DW: tl.constexpr,
    HAS_BIAS: tl.constexpr,
    BLOCK_POINTS: tl.constexpr,
    BLOCK_CHANNELS: tl.constexpr,
):
    """Write the convolution of some points and channels.

    The input gradient is this, too: of the output's gradient, by the kernel turned round.

    Args:
        x_ptr: Map of ``num_points`` = B * T * H * W points.
        weight_ptr: (taps, C).
        bias_ptr: (C,), not read without HAS_BIAS.
        y_ptr: Like ``x_ptr``.
        num_points: B * T * H * W.
        steps: T.
        height: H.
        width: W.
        num_channels: C.
        KT: Taps over T; KH and KW over H and W.
        DT: Dilation over T; DH and DW over H and W.
        HAS_BIAS: Whether there is a bias.
        BLOCK_POINTS: Points of a program.
        BLOCK_CHANNELS: Channels of a program.
    """
    points = tl.program_id(0) * BLOCK_POINTS + tl.arange(0, BLOCK_POINTS)
    channels = tl.program_id(1) * BLOCK_CHANNELS + tl.arange(0, BLOCK_CHANNELS)
    is_channel = channels < num_channels
    is_point = points < num_points
    total = tl.zeros((BLOCK_POINTS, BLOCK_CHANNELS), dtype=tl.float32)
    for tap in range(KT * KH * KW):
        step, row, column = _offset_of_tap(tap, KT, KH, KW, DT, DH, DW)
        is_read = is_point & _is_on_map(points, step, row, column, steps, height, width)
        sources = points + (step * height + row) * width + column
        values = tl.load(
            x_ptr + sources[:, None] * num_channels + channels[None, :],
            mask=is_read[:, None] & is_channel[None, :],
            other=0.0,
        )
        weights = tl.load(weight_ptr + tap * num_channels + channels, mask=is_channel, other=0.0)
        total += values.to(tl.float32) * weights.to(tl.float32)[None, :]
    if HAS_BIAS:
        bias = tl.load(bias_ptr + channels, mask=is_channel, other=0.0)
        total += bias.to(tl.float32)[None, :]
    tl.store(
        y_ptr + points[:, None] * num_channels + channels[None, :],
        total.to(y_ptr.dtype.element_ty),
        mask=is_point[:, None] & is_channel[None, :],
    )


@triton.jit
def weight_gradient_kernel(
    x_ptr,
    grad_ptr,
    partial_ptr,
    num_points,
    steps,
    height,
    width,
    num_channels,
    KT: tl.constexpr,
    KH: tl.constexpr,
    KW: tl.constexpr,
    DT: tl.constexpr,
    DH: tl.constexpr,
    DW: tl.constexpr,
    POINTS_PER_PART: tl.constexpr,
    BLOCK_POINTS: tl.constexpr,
    BLOCK_CHANNELS: tl.constexpr,
):
    """Write one tap's gradient for some channels, summed over one part of the points.

    Parts are added up afterwards, in a fixed order: the same input gives the same bits.

    Args:
        x_ptr: Map of the input.
        grad_ptr: Map of the output's gradient.
        partial_ptr: (parts, taps, C) float32.
        num_points: This and the ten that follow are those of :func:`convolve_kernel`.
        POINTS_PER_PART: A multiple of BLOCK_POINTS.
        BLOCK_POINTS: Points of a turn of the loop.
        BLOCK_CHANNELS: Channels of a program.
    """
    tap = tl.program_id(0)
    channels = tl.program_id(1) * BLOCK_CHANNELS + tl.arange(0, BLOCK_CHANNELS)
    part = tl.program_id(2)
    is_channel = channels < num_channels
    step, row, column = _offset_of_tap(tap, KT, KH, KW, DT, DH, DW)
    total = tl.zeros((BLOCK_CHANNELS,), dtype=tl.float32)
    for begin in range(0, POINTS_PER_PART, BLOCK_POINTS):
        points = part * POINTS_PER_PART + begin + tl.arange(0, BLOCK_POINTS)
        is_read = _is_on_map(points, step, row, column, steps, height, width)
        mask = (is_read & (points < num_points))[:, None] & is_channel[None, :]
        sources = points + (step * height + row) * width + column
        values = tl.load(
            x_ptr + sources[:, None] * num_channels + channels[None, :], mask=mask, other=0.0
        )
        grads = tl.load(
            grad_ptr + points[:, None] * num_channels + channels[None, :], mask=mask, other=0.0
        )
        total += tl.sum(values.to(tl.float32) * grads.to(tl.float32), axis=0)
    row_of_part = part * (KT * KH * KW) + tap
    tl.store(partial_ptr + row_of_part * num_channels + channels, total, mask=is_channel)
