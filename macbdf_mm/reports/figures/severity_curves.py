"""AUC of a detector under corruptions of growing severity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from macbdf_mm.evaluation.conditions import NUM_LEVELS
from macbdf_mm.reports.figures.theme import (
    LIGHT,
    LINE_STYLES,
    MARKERS,
    Theme,
    new_figure,
    style_axes,
)

_PANELS_PER_ROW = 5


@dataclass(frozen=True)
class SeverityCurve:
    """A corruption of one test set.

    Attributes:
        title: Of the corruption.
        auc: Track -> AUC by level, from 0 (as the clips are) on.
    """

    title: str
    auc: Mapping[str, Mapping[int, float]]


def draw_severity_curves(curves: Sequence[SeverityCurve], theme: Theme = LIGHT) -> Figure:
    """Return a panel a corruption: AUC against the level, a line for each score."""
    columns = min(_PANELS_PER_ROW, max(1, len(curves)))
    rows = -(-max(1, len(curves)) // columns)
    figure = new_figure(theme, max(4.0, 2.3 * columns), 2.3 * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    explained: set[str] = set()
    for place, axes in enumerate(grid.flat):
        if place >= len(curves):
            axes.set_visible(False)
            continue
        curve = curves[place]
        style_axes(
            axes,
            theme,
            title=curve.title,
            xlabel="level" if place >= len(curves) - columns else "",
            ylabel="AUC" if place % columns == 0 else "",
        )
        for track, values in curve.auc.items():
            levels = sorted(values)
            axes.plot(
                levels,
                [values[level] for level in levels],
                marker=MARKERS[track],
                linestyle=LINE_STYLES[track],
                markersize=3,
                linewidth=2 if track == "overall" else 1.2,
                color=theme.of(track),
                label=track,
            )
        axes.axhline(0.5, color=theme.muted, linewidth=0.8, linestyle=":")
        axes.set_ylim(0.0, 1.03)
        axes.set_xlim(-0.2, NUM_LEVELS + 0.2)
        axes.set_xticks(range(NUM_LEVELS + 1))
        if curve.auc.keys() - explained:  # Each score where it is first seen.
            explained |= curve.auc.keys()
            axes.legend(loc="lower left", frameon=False, fontsize=8, labelcolor=theme.ink)
    return figure
