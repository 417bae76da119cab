"""How the conflict of gradients went over a training run."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from macbdf_mm.evaluation.video_scores import TRACKS
from macbdf_mm.reports.figures.theme import LIGHT, Theme, add_legend_above, new_figure, style_axes
from macbdf_mm.reports.figures.training_curves import running_mean

Series = Sequence[tuple[float, float]]
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
            _draw(axes, series.get(quantity, ()), colours[encoder], encoder, "-")
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
            _draw(axes, positive, colours[encoder], f"_{encoder}, {label}", style)
    # The colours are those of the first panel.
    for label, style in NORMS.values():
        axes.plot([], [], style, color=theme.ink, linewidth=_LINE_WIDTH, label=label)
    add_legend_above(axes, theme)


def _draw(axes: Axes, series: Series, colour: str, label: str, style: str) -> None:
    # Steps that mixed precision skipped are logged as NaN.
    finite = [point for point in series if math.isfinite(point[1])]
    if not finite:
        return
    iterations, values = np.asarray(finite, dtype=np.float64).T
    axes.plot(iterations, values, color=colour, alpha=0.2, linewidth=0.8, label="_logged")
    smooth = running_mean(values, max(1, len(values) // _SMOOTHING))
    axes.plot(iterations, smooth, style, color=colour, linewidth=_LINE_WIDTH, label=label)


def _colours(encoders: Iterable[str], theme: Theme) -> dict[str, str]:
    others = cycle((theme.ink, theme.overall, theme.real, theme.fake, theme.muted))
    return {name: theme.of(name) if name in TRACKS else next(others) for name in encoders}
