"""How a property of files is spread over real clips and over fake ones."""

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from macbdf_mm.reports.figures.theme import (
    LIGHT,
    Theme,
    add_legend_above,
    new_figure,
    style_axes,
)

_NUM_BINS = 30
# A few clips far out would squeeze all others into one bar.
_PERCENTILES = (1, 99)


def draw_value_histograms(
    real: npt.ArrayLike, fake: npt.ArrayLike, title: str, unit: str, theme: Theme = LIGHT
) -> Figure:
    """Return a figure with the histograms of real and fake clips over each other.

    Each adds up to one, so that a class of few clips is seen as well. Values outside of the
    1st to 99th percentile count for the bar at the edge.

    Args:
        real: Values of real clips, shape (N,); NaN is left out.
        fake: Values of fake clips, shape (M,); NaN is left out.
        title: Of the figure.
        unit: What the values are.
        theme: Colours.
    """
    figure = new_figure(theme, 5.5, 2.6)
    axes = figure.subplots()
    style_axes(axes, theme, title=title, xlabel=unit, ylabel="share of the clips")
    chosen = [np.asarray(values, np.float64) for values in (real, fake)]
    chosen = [values[~np.isnan(values)] for values in chosen]
    together = np.concatenate(chosen)
    if not len(together):
        return figure
    low, high = np.percentile(together, _PERCENTILES)
    if low == high:
        low, high = low - 0.5, high + 0.5
    bins = np.linspace(low, high, _NUM_BINS + 1).tolist()
    for values, name, colour in zip(
        chosen, ("real", "fake"), (theme.real, theme.fake), strict=True
    ):
        if len(values):
            weights = np.full(len(values), 1 / len(values))
            axes.hist(
                values.clip(low, high), bins, weights=weights, color=colour, alpha=0.6,
                label=f"{name} ({len(values)})",
            )  # fmt: skip
    add_legend_above(axes, theme)
    return figure
