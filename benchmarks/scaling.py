"""How the cost of the video block grows with frames, resolution, batch and depth."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isqrt

import torch
from torch import nn

from benchmarks.comparison import measure_in_turns, median_and_range
from benchmarks.conv_case import BLOCK_WIDTH, VIDEO_GRID
from benchmarks.growth_law import (
    LinearLaw,
    PowerLaw,
    fit_linear_law,
    fit_power_law,
    worst_error,
)
from benchmarks.passes import training_call
from benchmarks.settings import Settings
from benchmarks.stock_model import with_stock_layers
from macbdf_mm.models.layers.mstlka_block import MSTLKABlock

OURS = "ours"
STOCK = "stock layers"


@dataclass(frozen=True)
class Workload:
    """What is run: ``depth`` blocks on a map, forward and backward.

    Attributes:
        steps: Time steps of the map, half of the frames.
        side: Height and width of the map, a sixteenth of the frames'.
        batch: Clips.
        depth: Blocks.
        width: Channels C.
    """

    steps: int = VIDEO_GRID[0]
    side: int = VIDEO_GRID[1]
    batch: int = 1
    depth: int = 1
    width: int = BLOCK_WIDTH


@dataclass(frozen=True)
class GrowthCurve:
    """Measured costs over one size.

    Attributes:
        axis: What grows.
        sizes: Its values.
        milliseconds: Median of each size, by ``OURS`` and ``STOCK``.
    """

    axis: str
    sizes: tuple[int, ...]
    milliseconds: dict[str, tuple[float, ...]]

    def power_law(self, which: str) -> PowerLaw:
        """Return the fitted power law of ``OURS`` or ``STOCK``."""
        return fit_power_law(self.sizes, self.milliseconds[which])

    def linear_law(self, which: str) -> LinearLaw:
        """Return the fitted linear law of ``OURS`` or ``STOCK``."""
        return fit_linear_law(self.sizes, self.milliseconds[which])

    def table_rows(self) -> Iterator[tuple[str, ...]]:
        """Yield axis, who, costs and both laws with their worst error, as text."""
        for which, costs in self.milliseconds.items():
            power, linear = self.power_law(which), self.linear_law(which)
            points = ", ".join(
                f"{size}: {cost:.3g}" for size, cost in zip(self.sizes, costs, strict=True)
            )
            yield (
                self.axis,
                which,
                points,
                f"{power.factor:.3g} x^{power.exponent:.2f} "
                f"({worst_error(power, self.sizes, costs):.0%})",
                f"{linear.constant:.3g} + {linear.slope:.3g} x "
                f"({worst_error(linear, self.sizes, costs):.0%})",
            )


# Axis -> its sizes, and the workload of a size.
AXES: dict[str, tuple[tuple[int, ...], Callable[[int], Workload]]] = {
    "time steps": ((4, 8, 16, 32), lambda size: Workload(steps=size)),
    "positions a step": ((49, 196, 784), lambda size: Workload(side=isqrt(size))),
    "batch": ((1, 2, 4, 8), lambda size: Workload(batch=size)),
    "depth": ((1, 2, 4, 8), lambda size: Workload(depth=size)),
}


def measure_scaling(settings: Settings) -> Iterator[GrowthCurve]:
    """Yield the curve of each axis of :data:`AXES`, the other sizes as in the `s` model."""
    num_rounds = 1 if settings.is_quick else 5
    for axis, (sizes, workload) in AXES.items():
        milliseconds: dict[str, list[float]] = {OURS: [], STOCK: []}
        for size in sizes:
            for which, cost in measure_workload(workload(size), settings, num_rounds).items():
                milliseconds[which].append(cost)
        yield GrowthCurve(axis, sizes, {k: tuple(v) for k, v in milliseconds.items()})


def measure_workload(workload: Workload, settings: Settings, num_rounds: int) -> dict[str, float]:
    """Return the median milliseconds of ``OURS`` and ``STOCK`` for a workload."""
    torch.manual_seed(settings.seed)
    blocks = nn.Sequential(*(MSTLKABlock(workload.width) for _ in range(workload.depth)))
    size = (workload.steps, workload.side, workload.side)
    x = torch.randn(workload.batch, *size, workload.width).movedim(-1, 1)
    grad = torch.randn_like(x)
    calls = {
        OURS: training_call(blocks, x, grad),
        STOCK: training_call(with_stock_layers(blocks), x.contiguous(), grad.contiguous()),
    }
    seconds = measure_in_turns(calls, settings.clock(), num_rounds)
    return {which: 1e3 * median_and_range(values)[0] for which, values in seconds.items()}
