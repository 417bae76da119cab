"""A run in one picture: how well it tells fakes from real clips, and what that looks like."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from macbdf_mm.reports.figures.clip_picture import ClipStory, fill_clip_axes
from macbdf_mm.reports.figures.operator_bars import OperatorScore, fill_operator_axes
from macbdf_mm.reports.figures.roc_curves import TrackRoc, fill_roc_axes
from macbdf_mm.reports.figures.theme import LIGHT, Theme, new_figure


def draw_summary(
    title: str,
    curves: Sequence[TrackRoc],
    operators: Sequence[OperatorScore],
    story: ClipStory,
    theme: Theme = LIGHT,
) -> Figure:
    """Return a figure with ROC curves and operators on the left, one clip on the right.

    Args:
        title: Over the whole figure.
        curves: One ROC curve a track.
        operators: One entry a forgery operator.
        story: The clip.
        theme: Colours.
    """
    figure = new_figure(theme, 13, 6.2)
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=theme.ink)
    halves = figure.add_gridspec(1, 2, width_ratios=(1, 1.7))
    measures = halves[0].subgridspec(2, 1, height_ratios=(1.7, 1))
    fill_roc_axes(figure.add_subplot(measures[0]), curves, theme)
    fill_operator_axes(figure.add_subplot(measures[1]), operators, theme)
    rows = halves[1].subgridspec(4, 1, height_ratios=(1.45, 1.3, 1.9, 0.8))
    fill_clip_axes([figure.add_subplot(rows[row]) for row in range(4)], story, theme)
    return figure
