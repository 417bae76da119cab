"""How the scores of real and fake clips are spread, and where the threshold cuts them."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from macbdf_mm.evaluation.video_scores import TRACKS
from macbdf_mm.reports.figures.theme import (
    LIGHT,
    Theme,
    add_legend_above,
    new_figure,
    style_axes,
)
from macbdf_mm.structures.labels import FAKE, REAL

_BINS = [index / 25 for index in range(26)]


def draw_score_histograms(
    labels: Mapping[str, npt.ArrayLike],
    scores: Mapping[str, npt.ArrayLike],
    thresholds: Mapping[str, float],
    theme: Theme = LIGHT,
) -> Figure:
    """Return a figure with one histogram for each track, real and fake clips apart.

    Args:
        labels: Under each track shape (N,): 1 fake, 0 real, anything else is left out.
        scores: Under each track shape (N,), in [0, 1]; NaN is left out.
        thresholds: Decision threshold of each track, drawn as a dashed line.
        theme: Colours.
    """
    figure = new_figure(theme, 10, 2.9)
    for axes, track in zip(figure.subplots(1, 3), TRACKS, strict=True):
        style_axes(axes, theme, title=track, xlabel="P(fake)")
        _draw_pair(axes, np.asarray(labels[track]), np.asarray(scores[track]), theme)
        axes.axvline(thresholds[track], color=theme.ink, linewidth=1, linestyle=(0, (4, 4)))
        axes.set_xlim(0, 1)
        add_legend_above(axes, theme)
    return figure


def _draw_pair(axes: Axes, labels: npt.NDArray, scores: npt.NDArray, theme: Theme) -> None:
    seen = ~np.isnan(scores)
    for label, name in ((REAL, "real"), (FAKE, "fake")):
        chosen = scores[seen & (labels == label)]
        colour = theme.real if label == REAL else theme.fake
        axes.hist(chosen, _BINS, color=colour, alpha=0.6, label=f"{name} ({len(chosen)})")
