"""How loss and validation metrics went over a training run."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from macbdf_mm.evaluation.video_scores import TRACKS
from macbdf_mm.reports.figures.theme import (
    LIGHT,
    Theme,
    add_legend,
    new_figure,
    style_axes,
)

Series = Sequence[tuple[float, float]]

_LOSSES = {f"loss_{track}": track for track in TRACKS}


def running_mean(values: npt.ArrayLike, window: int) -> npt.NDArray[np.float64]:
    """Return the mean over the last ``window`` values at each place, shape (N,).

    The first places average over what there is, so the curve has no lead-in from zero.

    Raises:
        ValueError: If ``window`` is not positive.
    """
    if window < 1:
        raise ValueError(f"Expected `window` > 0, got {window}.")
    series = np.asarray(values, dtype=np.float64)
    sums = np.cumsum(np.concatenate([[0.0], series]))
    ends = np.arange(1, len(series) + 1)
    starts = np.maximum(ends - window, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


def draw_training_curves(
    losses: Mapping[str, Series], metrics: Mapping[str, Series], theme: Theme = LIGHT
) -> Figure:
    """Return a figure with the losses on the left and validation AUC on the right.

    Args:
        losses: (iteration, value) pairs of ``loss``, ``loss_overall`` and so on; a series that
            is not there is not drawn.
        metrics: (epoch, value) pairs under ``overall``, ``video`` and ``audio``.
        theme: Colours.
    """
    figure = new_figure(theme, 10, 3.4)
    left, right = figure.subplots(1, 2)
    style_axes(left, theme, title="Training loss", xlabel="iteration")
    style_axes(right, theme, title="Validation AUC", xlabel="epoch")
    for name, track in _LOSSES.items():
        _draw_noisy(left, losses.get(name, ()), theme.of(track), name)
    if not any(losses.get(name) for name in _LOSSES):
        _draw_noisy(left, losses.get("loss", ()), theme.ink, "loss")
    for track in TRACKS:
        series = metrics.get(track, ())
        if series:
            epochs, values = np.asarray(series, dtype=np.float64).T
            right.plot(epochs, values, "o-", color=theme.of(track), markersize=3.5, label=track)
    right.axhline(0.5, color=theme.muted, linewidth=0.9, linestyle=(0, (4, 4)))
    right.set_ylim(0.4, 1.02)
    for axes in (left, right):
        _finish(axes, theme)
    return figure


def _draw_noisy(axes: Axes, series: Series, colour: str, label: str) -> None:
    if not series:
        return
    steps, values = np.asarray(series, dtype=np.float64).T
    axes.plot(steps, values, color=colour, alpha=0.25, linewidth=0.8)
    smooth = running_mean(values, max(1, len(values) // 20))
    axes.plot(steps, smooth, color=colour, linewidth=1.8, label=label)


def _finish(axes: Axes, theme: Theme) -> None:
    if axes.get_legend_handles_labels()[0]:
        add_legend(axes, theme)
    else:
        axes.text(
            0.5,
            0.75,
            "nothing was logged",
            transform=axes.transAxes,
            color=theme.muted,
            ha="center",
        )
