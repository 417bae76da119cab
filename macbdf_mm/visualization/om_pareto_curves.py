"""How the conflict of gradients went over a training run."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from macbdf_mm.evaluation.video_scores import TRACKS
from macbdf_mm.visualization.theme import LIGHT, Theme, add_legend, new_figure, style_axes

Series = Sequence[tuple[float, float]]
Curves = Mapping[str, Mapping[str, Series]]
"""Encoder -> quantity -> (iteration, value) pairs."""

PANELS = {
    "cos": "Cosine of the two gradients",
    "alpha_m": "Weight of the multimodal gradient",
    "lambda": "Strength of the orthogonal term",
    "conflict_share": "Share of steps in conflict",
    "num_stationary": "Stationary steps",
}
# Drawn together, over a logarithmic axis: quantity -> label and line style.
NORMS = {"norm_m": ("multimodal", "-"), "norm_u": ("unimodal", "--"), "norm_step": ("step", ":")}
_RANGES = {"cos": (-1.05, 1.05), "alpha_m": (-0.05, 1.05), "conflict_share": (-0.05, 1.05)}


def draw_om_pareto_curves(curves: Curves, theme: Theme = LIGHT) -> Figure:
    """Return a figure with a panel for each logged quantity and one for the norms.

    Args:
        curves: What was logged; a quantity that is not there leaves its panel empty.
        theme: Colours; ``video`` and ``audio`` have their own, other encoders share the rest.
    """
    figure = new_figure(theme, 13, 6.4)
    panels = figure.subplots(2, 3)
    axes_of = dict(zip([*PANELS, "norms"], panels.ravel(), strict=True))
    for quantity, title in PANELS.items():
        axes = axes_of[quantity]
        style_axes(axes, theme, title=title, xlabel="iteration")
        for encoder, series in curves.items():
            _draw(axes, series.get(quantity, ()), _colour(encoder, theme), encoder, "-")
        if quantity in _RANGES:
            axes.set_ylim(*_RANGES[quantity])
    axes_of["cos"].axhline(0.0, color=theme.muted, linewidth=0.9, linestyle=(0, (4, 4)))
    axes = axes_of["norms"]
    style_axes(axes, theme, title="Norms before clipping", xlabel="iteration")
    axes.set_yscale("log")
    for encoder, series in curves.items():
        for quantity, (label, style) in NORMS.items():
            positive = [point for point in series.get(quantity, ()) if point[1] > 0]
            _draw(axes, positive, _colour(encoder, theme), f"{encoder}, {label}", style)
    for each in (axes_of["cos"], axes):
        if each.get_legend_handles_labels()[0]:
            add_legend(each, theme)
    return figure


def _draw(axes: Axes, series: Series, colour: str, label: str, style: str) -> None:
    if series:
        iterations, values = np.asarray(series, dtype=np.float64).T
        axes.plot(iterations, values, style, color=colour, linewidth=1.4, label=label)


def _colour(encoder: str, theme: Theme) -> str:
    return theme.of(encoder) if encoder in TRACKS else theme.ink
