"""Maps of embeddings: one point per clip, coloured by its category."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from macbdf_mm.reports.figures.theme import LIGHT, Theme, new_figure, style_axes
from macbdf_mm.structures.labels import CATEGORIES

_PANEL_SIDE = 3.1
# Category -> colour of the theme and marker: real, fake video, fake audio, both.
_LOOKS = {
    "RVRA": ("real", "o"),
    "FVRA": ("video", "^"),
    "RVFA": ("audio", "s"),
    "FVFA": ("fake", "D"),
}


def draw_embedding_maps(
    maps: Mapping[str, tuple[npt.NDArray[np.float64], Sequence[str]]],
    num_columns: int,
    theme: Theme = LIGHT,
) -> Figure:
    """Return a figure with a grid of maps; their axes have no scale, as t-SNE's have none.

    Args:
        maps: In reading order, title -> points, shape (N, 2), in any unit, and the category of
            each (RVRA, FVRA, RVFA or FVFA).
        num_columns: Maps in a row.
        theme: Colours.
    """
    num_rows = -(-len(maps) // num_columns)
    figure = new_figure(theme, _PANEL_SIDE * num_columns, _PANEL_SIDE * num_rows + 0.4)
    grid = list(figure.subplots(num_rows, num_columns, squeeze=False).flat)
    for axes, (title, (points, categories)) in zip(grid, maps.items(), strict=False):
        style_axes(axes, theme, title=title, grid=False)
        axes.set_xticks([])
        axes.set_yticks([])
        for category in CATEGORIES.values():
            colour, marker = _LOOKS[category]
            chosen = points[np.asarray(categories) == category]
            axes.scatter(
                chosen[:, 0],
                chosen[:, 1],
                s=14,
                marker=marker,
                color=getattr(theme, colour),
                alpha=0.75,
                linewidths=0,
                label=category,
            )
    for axes in grid[len(maps) :]:
        axes.set_axis_off()
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=len(CATEGORIES),
        markerscale=1.8,
        frameon=False,
        fontsize=9,
        labelcolor=theme.ink,
    )
    return figure
