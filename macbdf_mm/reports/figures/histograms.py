"""How real and fake clips are spread: their scores, and properties of their files."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from macbdf_mm.evaluation.measures import labelled_scores
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.reports.figures.theme import (
    LIGHT,
    Theme,
    add_legend_above,
    new_figure,
    style_axes,
)
from macbdf_mm.structures.labels import FAKE, REAL, TRACKS

_SCORE_BINS = [index / 25 for index in range(26)]
_NUM_BINS = 30
# A few clips far out would squeeze all others into one bar.
_PERCENTILES = (1, 99)


def draw_score_histograms(
    videos: Sequence[VideoScores], thresholds: Mapping[str, float], theme: Theme = LIGHT
) -> Figure:
    """Return a figure with one histogram for each track, real and fake clips apart.

    Args:
        videos: Those whose track has no label or no score are left out.
        thresholds: Decision threshold of each track, drawn as a dashed line.
        theme: Colours.
    """
    figure = new_figure(theme, 10, 2.9)
    for axes, track in zip(figure.subplots(1, 3), TRACKS, strict=True):
        style_axes(axes, theme, title=track, xlabel="P(fake)")
        labels, scores = labelled_scores(videos, track)
        for label, name, colour in ((REAL, "real", theme.real), (FAKE, "fake", theme.fake)):
            chosen = scores[labels == label]
            axes.hist(chosen, _SCORE_BINS, color=colour, alpha=0.6, label=f"{name} ({len(chosen)})")
        axes.axvline(thresholds[track], color=theme.ink, linewidth=1, linestyle=(0, (4, 4)))
        axes.set_xlim(0, 1)
        add_legend_above(axes, theme)
    return figure


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
