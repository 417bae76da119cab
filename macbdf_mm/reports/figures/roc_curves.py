"""ROC curves of the three tracks, with their areas."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from macbdf_mm.evaluation.measures import labelled_scores
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.reports.figures.theme import (
    LIGHT,
    LINE_STYLES,
    MARKERS,
    Theme,
    add_legend,
    new_figure,
    style_axes,
)
from macbdf_mm.reports.figures.thin_line import thin_line
from macbdf_mm.structures.labels import FAKE, REAL


def draw_roc_curves(
    videos: Sequence[VideoScores], figures: Mapping[str, Mapping[str, float]], theme: Theme = LIGHT
) -> Figure:
    """Return a square figure with a curve for each track that has real and fake videos.

    A mark stands at the decision threshold, the legend has the area and its interval.

    Args:
        videos: The scored videos.
        figures: Under each track what :func:`~macbdf_mm.evaluation.measures.measure_track`
            returns of them.
        theme: Colours.
    """
    figure = new_figure(theme, 4.8, 4.6)
    fill_roc_axes(figure.subplots(), videos, figures, theme)
    return figure


def fill_roc_axes(
    axes: Axes,
    videos: Sequence[VideoScores],
    figures: Mapping[str, Mapping[str, float]],
    theme: Theme,
) -> None:
    """Draw the curves into existing axes."""
    style_axes(
        axes,
        theme,
        title="ROC on the test split",
        xlabel="real clips called fake",
        ylabel="fake clips found",
    )
    axes.plot([0, 1], [0, 1], color=theme.muted, linewidth=0.9, linestyle=(0, (4, 4)))
    for track, values in figures.items():
        if not values["num_real"] or not values["num_fake"]:
            continue
        labels, scores = labelled_scores(videos, track)
        false_rate, true_rate, _ = roc_curve(labels, scores, drop_intermediate=False)
        colour = theme.of(track)
        axes.plot(
            *thin_line(false_rate, true_rate),
            color=colour,
            linewidth=2.2 if track == "overall" else 1.5,
            linestyle=LINE_STYLES[track],
            label=f"{track}  {values['auc']:.3f}{_interval(values)}",
        )
        is_called = scores >= values["threshold"]
        point = is_called[labels == REAL].mean(), is_called[labels == FAKE].mean()
        axes.plot(*point, MARKERS[track], color=colour, markeredgecolor=theme.paper)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect("equal")
    if axes.get_legend_handles_labels()[0]:
        add_legend(axes, theme, "lower right")


def _interval(values: Mapping[str, float]) -> str:
    low, high = values["auc_low"], values["auc_high"]
    return "" if math.isnan(low) or math.isnan(high) else f"  [{low:.3f}, {high:.3f}]"
