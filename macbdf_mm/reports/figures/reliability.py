"""Which share of the clips of a score is fake: how far scores are probabilities."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from macbdf_mm.evaluation.functional.proper_scores import NUM_BINS
from macbdf_mm.evaluation.track_reliability import TrackReliability
from macbdf_mm.reports.figures.theme import (
    LIGHT,
    MARKERS,
    Theme,
    add_legend,
    new_figure,
    style_axes,
)

# A count of four digits takes about a quarter of the axes of counts.
_ROOM_ABOVE = 1.45


def draw_reliability(found: Mapping[str, TrackReliability], theme: Theme = LIGHT) -> Figure:
    """Return a figure with a reliability plot for each track; on the diagonal, 0.8 means 0.8.

    The points are the bins of the calibration error, which stands in title and legend: filled, with
    their intervals, for the scores in use, and hollow for those before calibration. The diagonal
    has the error that exact scores would have by chance. The bars below count the clips of a bin.

    Args:
        found: By track, see :func:`~macbdf_mm.evaluation.track_reliability.measure_reliability`.
        theme: Colours.
    """
    figure = new_figure(theme, 3.7 * max(1, len(found)), 4.9)
    grid = figure.subplots(
        2, max(1, len(found)), squeeze=False, sharex=True, height_ratios=(3.4, 1)
    )
    for place, (track, own) in enumerate(found.items()):
        _fill_shares(grid[0, place], track, own, theme, is_first=place == 0)
        _fill_counts(grid[1, place], track, own, theme, is_first=place == 0)
    if not found:
        style_axes(grid[0, 0], theme, title="No labelled clip has a score")
        grid[1, 0].set_visible(False)
    return figure


def _fill_shares(
    axes: Axes, track: str, own: TrackReliability, theme: Theme, is_first: bool
) -> None:
    title = f"{track}: calibration error {own.error:.3f}"
    style_axes(axes, theme, title=title, ylabel="share of fakes" if is_first else "")
    axes.plot(
        [0, 1],
        [0, 1],
        color=theme.muted,
        linewidth=0.9,
        linestyle=(0, (4, 4)),
        label=f"exact scores, by chance: {own.chance_error:.3f}",
    )
    colour, marker = theme.of(track), MARKERS[track]
    if own.raw_bins is not None:
        axes.plot(
            own.raw_bins.scores,
            own.raw_bins.fake_shares,
            color=theme.muted,
            marker=marker,
            markersize=5,
            markerfacecolor=theme.paper,
            linewidth=1.1,
            linestyle=(0, (1.5, 1.5)),
            label=f"before calibration: {own.raw_error:.3f}",
        )
    shares = own.bins.fake_shares
    reach = np.abs(own.intervals.T - shares)
    axes.errorbar(
        own.bins.scores,
        shares,
        None if np.isnan(reach).any() else reach,
        color=colour,
        ecolor=theme.ink,
        elinewidth=1,
        capsize=2,
        marker=marker,
        markersize=6,
        linewidth=1.6,
        label=f"{'calibrated' if own.raw_bins else 'not calibrated'}: {own.error:.3f}",
    )
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.03, 1.38)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    add_legend(axes, theme, "upper left")


def _fill_counts(
    axes: Axes, track: str, own: TrackReliability, theme: Theme, is_first: bool
) -> None:
    style_axes(axes, theme, xlabel="score, P(fake)", ylabel="clips" if is_first else "", grid=False)
    counts = own.bins.num_clips
    middles = (np.minimum(np.floor(own.bins.scores * NUM_BINS), NUM_BINS - 1) + 0.5) / NUM_BINS
    axes.bar(middles, counts, 0.86 / NUM_BINS, color=theme.of(track))
    for middle, count in zip(middles, counts, strict=True):
        axes.annotate(
            f"{count}",
            (middle, count),
            (0, 2),
            textcoords="offset points",
            ha="center",
            fontsize=7,
            rotation=90 if counts.max() > 99 else 0,
            color=theme.ink,
        )
    axes.set_ylim(0, _ROOM_ABOVE * counts.max())
    axes.set_yticks([])
