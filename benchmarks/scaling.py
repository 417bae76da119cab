"""How the cost of the video block grows with frames, resolution, batch and depth."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isqrt
from pathlib import Path
from statistics import median

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from benchmarks.calls import training_call
from benchmarks.report import describe_environment, environment_lines, tell
from benchmarks.settings import BLOCK_WIDTH, VIDEO_GRID, Settings
from benchmarks.stock_layers import with_stock_layers
from macbdf_mm.models.layers.mstlka_block import MSTLKABlock
from macbdf_mm.reports.figures.theme import LIGHT, new_figure, style_axes, to_png
from macbdf_mm.utils.files import write_atomically, write_json
from macbdf_mm.utils.tables import markdown_table

OURS = "ours"
STOCK = "stock layers"
_HEAD = ("size", "who", "size: ms", "power law (worst error)", "linear law (worst error)")


def fit_power_law(sizes: Sequence[float], costs: Sequence[float]) -> tuple[float, float]:
    """Return factor and exponent of the law with the least squared error of the logarithms.

    Args:
        sizes: At least two different ones, positive.
        costs: Positive, one per size.
    """
    exponent, logarithm = np.polyfit(np.log(sizes), np.log(costs), 1)
    return float(np.exp(logarithm)), float(exponent)


def fit_linear_law(sizes: Sequence[float], costs: Sequence[float]) -> tuple[float, float]:
    """Return constant and slope with the least squared relative error; arguments as above.

    Relative, for the largest cost would otherwise decide alone.
    """
    slope, constant = np.polyfit(sizes, costs, 1, w=1 / np.asarray(costs, np.float64))
    return float(constant), float(slope)


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

    def table_rows(self) -> Iterator[tuple[str, ...]]:
        """Yield axis, who, costs and both laws with their worst relative error, as text."""
        sizes = np.asarray(self.sizes, np.float64)
        for which, costs in self.milliseconds.items():
            factor, exponent = fit_power_law(self.sizes, costs)
            constant, slope = fit_linear_law(self.sizes, costs)
            errors = [
                float(np.max(np.abs(law / np.asarray(costs) - 1)))
                for law in (factor * sizes**exponent, constant + slope * sizes)
            ]
            points = ", ".join(
                f"{size}: {cost:.3g}" for size, cost in zip(self.sizes, costs, strict=True)
            )
            yield (
                self.axis,
                which,
                points,
                f"{factor:.3g} x^{exponent:.2f} ({errors[0]:.0%})",
                f"{constant:.3g} + {slope:.3g} x ({errors[1]:.0%})",
            )


# Axis -> its sizes, and the arguments of `measure_blocks` for a size.
AXES: dict[str, tuple[tuple[int, ...], Callable[[int], dict[str, int]]]] = {
    "time steps": ((4, 8, 16, 32), lambda size: {"steps": size}),
    "positions a step": ((49, 196, 784), lambda size: {"side": isqrt(size)}),
    "batch": ((1, 2, 4, 8), lambda size: {"batch": size}),
    "depth": ((1, 2, 4, 8), lambda size: {"depth": size}),
}


def run_scaling(settings: Settings, out: Path) -> str:
    """Return as Markdown how cost grows with each size.

    Args:
        settings: How thoroughly to measure.
        out: Folder for table and picture, which are written anew after each size.
    """
    torch.set_num_threads(settings.num_threads)
    environment = describe_environment(settings.num_threads)
    curves: list[GrowthCurve] = []
    for curve in measure_scaling(settings):
        curves.append(curve)
        tell(f"measured {curve.axis}")
        save_scaling(out, environment, curves)
    return scaling_markdown(environment, curves)


def measure_scaling(settings: Settings) -> Iterator[GrowthCurve]:
    """Yield the curve of each axis of :data:`AXES`, the other sizes as in the `s` model."""
    for axis, (sizes, changes) in AXES.items():
        costs = [measure_blocks(settings, **changes(size)) for size in sizes]
        by_side = {side: tuple(cost[side] for cost in costs) for side in (OURS, STOCK)}
        yield GrowthCurve(axis, sizes, by_side)


def measure_blocks(
    settings: Settings,
    *,
    steps: int = VIDEO_GRID[0],
    side: int = VIDEO_GRID[1],
    batch: int = 1,
    depth: int = 1,
    width: int = BLOCK_WIDTH,
) -> dict[str, float]:
    """Return the median milliseconds of ``OURS`` and ``STOCK`` for blocks, forward and backward.

    Args:
        settings: Seed and threads.
        steps: Time steps of the map, half of the frames.
        side: Height and width of the map, a sixteenth of the frames'.
        batch: Clips.
        depth: Blocks.
        width: Channels C.
    """
    torch.manual_seed(settings.seed)
    blocks = nn.Sequential(*(MSTLKABlock(width) for _ in range(depth)))
    x = torch.randn(batch, steps, side, side, width).movedim(-1, 1)
    grad = torch.randn_like(x)
    calls = {
        OURS: training_call(blocks, x, grad),
        STOCK: training_call(with_stock_layers(blocks), x.contiguous(), grad.contiguous()),
    }
    times = settings.measure(calls, settings.num_step_rounds)
    return {which: median(values) for which, values in times.items()}


def scaling_markdown(environment: Mapping[str, str], curves: Sequence[GrowthCurve]) -> str:
    """Return the environment and a table of points and laws as Markdown."""
    rows = [row for curve in curves for row in curve.table_rows()]
    return f"{environment_lines(environment)}\n{markdown_table(_HEAD, rows)}\n"


def draw_scaling(curves: Sequence[GrowthCurve]) -> Figure:
    """Return a figure with one plot a curve: points, and the power laws as lines.

    Args:
        curves: At least one.
    """
    figure = new_figure(LIGHT, 3.2 * len(curves), 3.2)
    colours = {OURS: LIGHT.video, STOCK: LIGHT.audio}
    for axes, curve in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves, strict=True):
        style_axes(axes, LIGHT, xlabel=curve.axis)
        sizes = np.geomspace(min(curve.sizes), max(curve.sizes), 50)
        for which, costs in curve.milliseconds.items():
            factor, exponent = fit_power_law(curve.sizes, costs)
            label = f"{which}, {exponent:.2f}"
            axes.plot(curve.sizes, costs, "o", color=colours[which], markersize=4)
            axes.plot(
                sizes, factor * sizes**exponent, color=colours[which], linewidth=1.2, label=label
            )
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xticks(curve.sizes, [str(size) for size in curve.sizes])
        axes.legend(
            frameon=False, fontsize=8, labelcolor=LIGHT.ink, title="exponent", title_fontsize=8
        )
    figure.axes[0].set_ylabel("forward + backward, ms", fontsize=9, color=LIGHT.muted)
    return figure


def save_scaling(
    folder: Path, environment: Mapping[str, str], curves: Sequence[GrowthCurve]
) -> None:
    """Write ``scaling.json``, ``scaling.md`` and ``scaling.png`` into a folder, each as a whole."""
    data = {"environment": dict(environment), "curves": [asdict(curve) for curve in curves]}
    write_json(data, folder / "scaling.json")
    write_atomically(scaling_markdown(environment, curves), folder / "scaling.md")
    write_atomically(to_png(draw_scaling(curves)), folder / "scaling.png")
