"""Curves of training: losses and metrics, the conflict of gradients, and several seeds at once."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from macbdf_mm.reports.figures.theme import (
    LIGHT,
    Theme,
    add_legend,
    add_legend_above,
    new_figure,
    plain_text,
    style_axes,
)
from macbdf_mm.structures.labels import TRACKS

Series = Sequence[tuple[float, float]]

_LOSSES = {f"loss_{track}": track for track in TRACKS}
Curves = Mapping[str, Mapping[str, Series]]
"""Encoder -> quantity -> (iteration, value) pairs."""

PANELS = {
    "cos": "Cosine of the gradients",
    "alpha_m": "Weight of the multimodal gradient",
    "lambda": "Strength of the orthogonal term",
    "conflict_share": "Share of steps in conflict",
    "num_stationary": "Stationary steps",
}
# Drawn together, over a logarithmic axis: quantity -> label and line style.
NORMS = {"norm_m": ("multimodal", "-"), "norm_u": ("unimodal", "--"), "norm_step": ("step", ":")}
_RANGES = {"cos": (-1.05, 1.05), "alpha_m": (-0.05, 1.05), "conflict_share": (-0.05, 1.05)}
# The bold line is the mean over the last twentieth of the curve, the faint one what was logged.
_SMOOTHING = 20
_LINE_WIDTH = 1.6
_PANEL_WIDTH, _PANEL_HEIGHT = 3.6, 2.9


def running_mean(values: npt.ArrayLike, window: int) -> npt.NDArray[np.float64]:
    """Return the mean over the last ``window`` values at each place, shape (N,).

    The first places average over what there is, so the curve has no lead-in from zero.
    """
    series = np.asarray(values, dtype=np.float64)
    sums = np.cumsum(np.concatenate([[0.0], series]))
    ends = np.arange(1, len(series) + 1)
    starts = np.maximum(ends - window, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


def draw_training_curves(
    losses: Mapping[str, Series], metrics: Mapping[str, Series], theme: Theme = LIGHT
) -> Figure:
    """Return a figure with the losses on the left and validation AUC on the right.

    Args:
        losses: (iteration, value) pairs of ``loss``, ``loss_overall`` and so on; a series that
            is not there is not drawn.
        metrics: (epoch, value) pairs under ``overall``, ``video`` and ``audio``.
        theme: Colours.
    """
    figure = new_figure(theme, 10, 3.4)
    left, right = figure.subplots(1, 2)
    style_axes(left, theme, title="Training loss", xlabel="iteration")
    style_axes(right, theme, title="Validation AUC", xlabel="epoch")
    for name, track in _LOSSES.items():
        _draw_smooth(left, losses.get(name, ()), theme.of(track), name)
    if not any(losses.get(name) for name in _LOSSES):
        _draw_smooth(left, losses.get("loss", ()), theme.ink, "loss")
    for track in TRACKS:
        series = metrics.get(track, ())
        if series:
            epochs, values = np.asarray(series, dtype=np.float64).T
            right.plot(epochs, values, "o-", color=theme.of(track), markersize=3.5, label=track)
    right.axhline(0.5, color=theme.muted, linewidth=0.9, linestyle=(0, (4, 4)))
    right.set_ylim(0.4, 1.02)
    for axes in (left, right):
        _finish(axes, theme)
    return figure


def _finish(axes: Axes, theme: Theme) -> None:
    if axes.get_legend_handles_labels()[0]:
        add_legend(axes, theme)
    else:
        axes.text(
            0.5,
            0.75,
            "nothing was logged",
            transform=axes.transAxes,
            color=theme.muted,
            ha="center",
        )


def draw_om_pareto_curves(curves: Curves, theme: Theme = LIGHT) -> Figure:
    """Return a figure with a panel for each logged quantity, and one for the norms.

    The norms are those of both gradients and of their combination, before any clipping.

    Args:
        curves: What was logged; a quantity that is not there leaves its panel empty.
        theme: Colours; ``video`` and ``audio`` have their own, other encoders take the rest in
            turn.
    """
    colours = _colours(curves, theme)
    figure = new_figure(theme, 13, 6.4)
    panels = figure.subplots(2, 3)
    axes_of = dict(zip([*PANELS, "norms"], panels.ravel(), strict=True))
    for quantity, title in PANELS.items():
        axes = axes_of[quantity]
        style_axes(axes, theme, title=title, xlabel="iteration")
        for encoder, series in curves.items():
            _draw_smooth(axes, series.get(quantity, ()), colours[encoder], encoder)
        if quantity in _RANGES:
            axes.set_ylim(*_RANGES[quantity])
    # Counts, from zero; a run without any still shows an axis of whole numbers.
    axes_of["num_stationary"].set_ylim(0.0, max(1.0, axes_of["num_stationary"].get_ylim()[1]))
    axes_of["cos"].axhline(0.0, color=theme.muted, linewidth=0.9, linestyle=(0, (4, 4)))
    if axes_of["cos"].get_legend_handles_labels()[0]:
        add_legend_above(axes_of["cos"], theme)
    _draw_norms(axes_of["norms"], curves, colours, theme)
    return figure


def _draw_norms(axes: Axes, curves: Curves, colours: Mapping[str, str], theme: Theme) -> None:
    style_axes(axes, theme, title="Norms", xlabel="iteration")
    axes.set_yscale("log")
    for encoder, series in curves.items():
        for quantity, (label, style) in NORMS.items():
            positive = [point for point in series.get(quantity, ()) if point[1] > 0]
            _draw_smooth(axes, positive, colours[encoder], f"_{encoder}, {label}", style)
    # The colours are those of the first panel.
    for label, style in NORMS.values():
        axes.plot([], [], style, color=theme.ink, linewidth=_LINE_WIDTH, label=label)
    add_legend_above(axes, theme)


def _draw_smooth(axes: Axes, series: Series, colour: str, label: str, style: str = "-") -> None:
    # Steps that mixed precision skipped are logged as NaN.
    finite = [point for point in series if math.isfinite(point[1])]
    if not finite:
        return
    iterations, values = np.asarray(finite, dtype=np.float64).T
    axes.plot(iterations, values, color=colour, alpha=0.2, linewidth=0.8, label="_logged")
    smooth = running_mean(values, max(1, len(values) // _SMOOTHING))
    named = plain_text(label)
    axes.plot(iterations, smooth, style, color=colour, linewidth=_LINE_WIDTH, label=named)


def _colours(encoders: Iterable[str], theme: Theme) -> dict[str, str]:
    others = cycle((theme.ink, theme.overall, theme.real, theme.fake, theme.muted))
    return {name: theme.of(name) if name in TRACKS else next(others) for name in encoders}


@dataclass(frozen=True)
class SeedCurve:
    """One figure of several runs, over epochs or another count.

    Attributes:
        label: Its name in the legend.
        colour: Name of a colour of the theme: ``overall``, ``video``, ``audio``, ``muted``, ...
        positions: Where it was measured, shape (N,), rising.
        values: One row per run, shape (S, N); NaN where a run has no value.
        is_dashed: Whether its line is dashed.
    """

    label: str
    colour: str
    positions: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]
    is_dashed: bool = False


def draw_seed_curves(
    panels: Mapping[str, Sequence[SeedCurve]], xlabel: str, num_columns: int, theme: Theme = LIGHT
) -> Figure:
    """Return a figure with a grid of panels: lines are means, bands go from lowest to highest.

    The legend stands in the first panel whose curves differ from those of the panel before.

    Args:
        panels: In reading order, title -> the curves that share its axes.
        xlabel: Of the horizontal axes.
        num_columns: Panels in a row.
        theme: Colours.
    """
    num_rows = -(-len(panels) // num_columns)
    figure = new_figure(theme, _PANEL_WIDTH * num_columns, _PANEL_HEIGHT * num_rows)
    grid = list(figure.subplots(num_rows, num_columns, squeeze=False).flat)
    labels: list[str] = []
    for axes, (title, curves) in zip(grid, panels.items(), strict=False):
        style_axes(axes, theme, title=title, xlabel=xlabel)
        # Epochs and layers are counted.
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for curve in curves:
            _draw_band(axes, curve, theme)
        drawn = axes.get_legend_handles_labels()[1]
        if drawn and drawn != labels:
            labels = drawn
            add_legend(axes, theme)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    return figure


def _draw_band(axes: Axes, curve: SeedCurve, theme: Theme) -> None:
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
        label=plain_text(curve.label),
    )
