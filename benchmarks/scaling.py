"""How the cost of the video block grows with frames, resolution, batch and depth."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isqrt
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

from benchmarks.calls import training_call
from benchmarks.settings import BLOCK_WIDTH, VIDEO_GRID, Settings
from benchmarks.stock_layers import with_stock_layers
from benchmarks.timing import measure_in_turns, median_and_range
from macbdf_mm.models.layers.mstlka_block import MSTLKABlock
from macbdf_mm.reports.figures.theme import (
    LIGHT,
    Theme,
    new_figure,
    style_axes,
    to_png,
)
from macbdf_mm.utils.files import write_atomically, write_json
from macbdf_mm.utils.tables import markdown_table

OURS = "ours"
STOCK = "stock layers"
_HEAD = ("size", "who", "size: ms", "power law (worst error)", "linear law (worst error)")


@dataclass(frozen=True)
class PowerLaw:
    """cost = factor * size ** exponent."""

    factor: float
    exponent: float

    def __call__(self, sizes: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the cost of each size."""
        return self.factor * np.asarray(sizes, np.float64) ** self.exponent


@dataclass(frozen=True)
class LinearLaw:
    """cost = constant + slope * size."""

    constant: float
    slope: float

    def __call__(self, sizes: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the cost of each size."""
        return self.constant + self.slope * np.asarray(sizes, np.float64)


def fit_power_law(sizes: Sequence[float], costs: Sequence[float]) -> PowerLaw:
    """Return the power law with the least squared error of the logarithms.

    Args:
        sizes: At least two different ones, positive.
        costs: Positive, one per size.
    """
    exponent, logarithm = np.polyfit(np.log(sizes), np.log(costs), 1)
    return PowerLaw(float(np.exp(logarithm)), float(exponent))


def fit_linear_law(sizes: Sequence[float], costs: Sequence[float]) -> LinearLaw:
    """Return the linear law with the least squared relative error; arguments as above.

    Relative, for the largest cost would otherwise decide alone.
    """
    slope, constant = np.polyfit(sizes, costs, 1, w=1 / np.asarray(costs, np.float64))
    return LinearLaw(float(constant), float(slope))


def worst_error(law: PowerLaw | LinearLaw, sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return the largest relative error of a law over the measured points."""
    return float(np.max(np.abs(law(sizes) / np.asarray(costs, np.float64) - 1)))


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


def scaling_markdown(environment: Mapping[str, str], curves: Sequence[GrowthCurve]) -> str:
    """Return the environment and a table of points and laws as Markdown."""
    lines = [f"{name}: {value}  " for name, value in environment.items()]
    rows = [row for curve in curves for row in curve.table_rows()]
    return "\n".join([*lines, "", markdown_table(_HEAD, rows)]) + "\n"


def draw_scaling(curves: Sequence[GrowthCurve], theme: Theme = LIGHT) -> Figure:
    """Return a figure with one plot a curve: points, and the power laws as lines.

    Args:
        curves: At least one.
        theme: Colours.
    """
    figure = new_figure(theme, 3.2 * len(curves), 3.2)
    for axes, curve in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves, strict=True):
        _draw_curve(axes, curve, theme)
    figure.axes[0].set_ylabel("forward + backward, ms", fontsize=9, color=theme.muted)
    return figure


def save_scaling(
    folder: Path, environment: Mapping[str, str], curves: Sequence[GrowthCurve]
) -> None:
    """Write ``scaling.json``, ``scaling.md`` and ``scaling.png`` into a folder, each as a whole."""
    data = {"environment": dict(environment), "curves": [asdict(curve) for curve in curves]}
    write_json(data, folder / "scaling.json")
    write_atomically(scaling_markdown(environment, curves), folder / "scaling.md")
    write_atomically(to_png(draw_scaling(curves)), folder / "scaling.png")


def _draw_curve(axes: Axes, curve: GrowthCurve, theme: Theme) -> None:
    style_axes(axes, theme, xlabel=curve.axis)
    colours = {OURS: theme.video, STOCK: theme.audio}
    sizes = np.geomspace(min(curve.sizes), max(curve.sizes), 50)
    for which, costs in curve.milliseconds.items():
        law = curve.power_law(which)
        label = f"{which}, {law.exponent:.2f}"
        axes.plot(curve.sizes, costs, "o", color=colours[which], markersize=4)
        axes.plot(sizes, law(sizes), color=colours[which], linewidth=1.2, label=label)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(curve.sizes, [str(size) for size in curve.sizes])
    axes.legend(frameon=False, fontsize=8, labelcolor=theme.ink, title="exponent", title_fontsize=8)
