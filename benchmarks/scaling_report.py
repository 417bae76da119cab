"""Table and picture of how cost grows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.markdown_table import markdown_table
from benchmarks.scaling import OURS, STOCK, GrowthCurve
from macbdf_mm.engine.atomic_backend import write_atomically
from macbdf_mm.reports.figures.theme import (
    LIGHT,
    Theme,
    new_figure,
    style_axes,
    to_png,
)

_HEAD = ("size", "who", "size: ms", "power law (worst error)", "linear law (worst error)")


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
    files = {
        "scaling.json": (json.dumps(data, indent=1) + "\n").encode(),
        "scaling.md": scaling_markdown(environment, curves).encode(),
        "scaling.png": to_png(draw_scaling(curves)),
    }
    for name, content in files.items():
        write_atomically(content, folder / name)


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
