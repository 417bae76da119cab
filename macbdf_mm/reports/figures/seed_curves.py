"""Curves of several runs: their mean as a line, their spread as a band."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from macbdf_mm.reports.figures.theme import LIGHT, Theme, add_legend, new_figure, style_axes

_PANEL_WIDTH, _PANEL_HEIGHT = 3.6, 2.9


@dataclass(frozen=True)
class SeedCurve:
    """One figure of several runs, over epochs or another count.

    Attributes:
        label: Its name in the legend.
        colour: Name of a colour of the theme: ``overall``, ``video``, ``audio``, ``muted``, ...
        positions: Where it was measured, shape (N,), rising.
        values: One row a run, shape (S, N); NaN where a run has no value.
        is_dashed: Whether its line is dashed.
    """

    label: str
    colour: str
    positions: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]
    is_dashed: bool = False


@dataclass(frozen=True)
class CurvePanel:
    """Curves that share their axes.

    Attributes:
        title: Over the axes.
        xlabel: Of the horizontal axis.
        curves: What is drawn.
    """

    title: str
    xlabel: str
    curves: Sequence[SeedCurve]


def draw_seed_curves(
    panels: Sequence[CurvePanel], num_columns: int, theme: Theme = LIGHT
) -> Figure:
    """Return a figure with a grid of panels: lines are means, bands go from lowest to highest.

    The legend stands in the first panel whose curves differ from those of the panel before.

    Args:
        panels: In reading order.
        num_columns: Panels in a row.
        theme: Colours.
    """
    num_rows = -(-len(panels) // num_columns)
    figure = new_figure(theme, _PANEL_WIDTH * num_columns, _PANEL_HEIGHT * num_rows)
    grid = list(figure.subplots(num_rows, num_columns, squeeze=False).flat)
    labels: list[str] = []
    for axes, panel in zip(grid, panels, strict=False):
        style_axes(axes, theme, title=panel.title, xlabel=panel.xlabel)
        # Epochs and layers are counted.
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for curve in panel.curves:
            _draw(axes, curve, theme)
        drawn = axes.get_legend_handles_labels()[1]
        if drawn and drawn != labels:
            labels = drawn
            add_legend(axes, theme)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    return figure


def _draw(axes: Axes, curve: SeedCurve, theme: Theme) -> None:
    has_value = ~np.isnan(curve.values).all(axis=0)
    values, positions = curve.values[:, has_value], curve.positions[has_value]
    if not values.size:
        return
    colour = str(getattr(theme, curve.colour))
    axes.fill_between(
        positions, np.nanmin(values, axis=0), np.nanmax(values, axis=0), color=colour, alpha=0.18
    )
    axes.plot(
        positions,
        np.nanmean(values, axis=0),
        color=colour,
        linestyle=(0, (4, 2)) if curve.is_dashed else "solid",
        linewidth=1.8,
        marker="o",
        markersize=3.5,
        label=curve.label,
    )
