"""A clip over time: its scores and forged intervals, and its frames and sound on the same clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.signal
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from macbdf_mm.errors import ArgumentError
from macbdf_mm.reports.figures.theme import (
    LIGHT,
    Theme,
    add_legend_above,
    new_figure,
    style_axes,
)
from macbdf_mm.structures.intervals import Interval
from macbdf_mm.structures.labels import TRACKS

_BAR_HEIGHT = 0.62
# A shorter sound fills no frame of the spectrogram.
_MIN_SAMPLES = 512


def step_curve(
    windows: npt.ArrayLike,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the mean score over time of windows that may overlap.

    Args:
        windows: Shape (K, 5): start and end in seconds, then the scores of overall, video and
            audio in [0, 1]; NaN where a track was not seen.

    Returns:
        The edges of M pieces in seconds, shape (M + 1,), and the scores of each piece, shape
        (M, 3): the mean over the windows that cover it, NaN where none does.
    """
    rows = np.asarray(windows, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != 5 or not len(rows):
        raise ArgumentError(
            "Expected `windows` of shape (K, 5) with K > 0 "
            f"(start, end, overall, video, audio), got {rows.shape}."
        )
    edges = np.unique(rows[:, :2])
    middles = (edges[:-1] + edges[1:]) / 2
    covers = (rows[:, :1] <= middles) & (middles < rows[:, 1:2])  # (K, M)
    seen = covers[:, :, None] & ~np.isnan(rows[:, None, 2:])  # (K, M, 3)
    sums = np.where(seen, rows[:, None, 2:], 0.0).sum(axis=0)
    counts = seen.sum(axis=0)
    means = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return edges, means


def draw_timeline(
    windows: npt.ArrayLike,
    *,
    thresholds: Mapping[str, float],
    duration_seconds: float,
    title: str = "",
) -> Figure:
    """Return a figure of the three scores over time.

    Args:
        windows: Shape (K, 5), as for :func:`step_curve`.
        thresholds: Decision threshold of each track, drawn as a dashed line.
        duration_seconds: Right end of the time axis.
        title: Above the figure.
    """
    figure = new_figure(LIGHT, 9, 2.6)
    axes = figure.subplots()
    draw_scores(axes, windows, thresholds, LIGHT, title=title)
    axes.set_xlim(0, duration_seconds)
    return figure


def draw_scores(
    axes: Axes,
    windows: npt.ArrayLike,
    thresholds: Mapping[str, float],
    theme: Theme,
    *,
    title: str = "",
) -> None:
    """Draw the three scores as steps over time into ``axes``."""
    style_axes(axes, theme, title=title, ylabel="P(fake)")
    edges, means = step_curve(windows)
    for column, track in enumerate(TRACKS):
        if np.isnan(means[:, column]).all():
            continue
        colour = theme.of(track)
        width = 2.4 if track == "overall" else 1.6
        axes.stairs(
            means[:, column], edges, baseline=None, color=colour, linewidth=width, label=track
        )
        if track in thresholds:
            axes.axhline(thresholds[track], color=colour, linewidth=0.9, linestyle=(0, (4, 4)))
    axes.set_ylim(-0.03, 1.03)
    if axes.get_legend_handles_labels()[0]:
        add_legend_above(axes, theme)


def draw_intervals(axes: Axes, intervals: Mapping[str, Sequence[Interval]], theme: Theme) -> None:
    """Draw the forged intervals of both tracks as bars into ``axes``."""
    style_axes(axes, theme, grid=False)
    for row, track in enumerate(("audio", "video")):
        bars = [(start, end - start) for start, end in intervals.get(track, ())]
        axes.broken_barh(
            bars, (row - _BAR_HEIGHT / 2, _BAR_HEIGHT), color=theme.of(track), linewidth=0
        )
        axes.axhline(row, color=theme.grid, linewidth=0.8, zorder=0)
    axes.set_yticks([0, 1], ["audio forged", "video forged"])
    axes.set_ylim(-0.6, 1.6)


@dataclass(frozen=True)
class ClipStory:
    """The contents of the picture of one clip.

    Attributes:
        title: Above the picture.
        duration_seconds: Length of the time axis.
        frames: RGB, shape (N, H, W, 3), uint8, evenly spaced over the clip; None without video.
        waveform: PCM in [-1, 1], shape (S,); None without audio.
        sample_rate: Of the waveform, in Hz.
        windows: Shape (K, 5): start, end, overall, video, audio; NaN for a track not seen.
        thresholds: Decision threshold of each track.
        intervals: Forged intervals in seconds, under ``video`` and ``audio``.
    """

    title: str
    duration_seconds: float
    frames: npt.NDArray[np.uint8] | None
    waveform: npt.NDArray[np.float32] | None
    sample_rate: int
    windows: npt.NDArray[np.float64]
    thresholds: Mapping[str, float]
    intervals: Mapping[str, Sequence[Interval]]


def draw_clip(story: ClipStory, theme: Theme = LIGHT) -> Figure:
    """Return a figure of frames, spectrogram, scores and forged intervals, top to bottom."""
    figure = new_figure(theme, 9, 5.4)
    rows = figure.subplots(4, 1, gridspec_kw={"height_ratios": [1.45, 1.3, 1.9, 0.8]})
    fill_clip_axes(rows, story, theme)
    return figure


def fill_clip_axes(panels: Sequence[Axes], story: ClipStory, theme: Theme) -> None:
    """Draw a clip into four existing axes: frames, spectrogram, scores, intervals."""
    film, spectrogram, scores, truth = panels
    span = (0.0, story.duration_seconds)
    draw_film(film, story.frames, span, theme, title=story.title)
    draw_spectrogram(spectrogram, story.waveform, story.sample_rate, theme)
    draw_scores(scores, story.windows, story.thresholds, theme)
    draw_intervals(truth, story.intervals, theme)
    truth.set_xlabel("seconds", fontsize=9, color=theme.muted)
    for axes in panels:
        axes.set_xlim(0, story.duration_seconds)
    for axes in (film, spectrogram, scores):
        axes.tick_params(labelbottom=False)


def draw_film(
    axes: Axes,
    frames: npt.NDArray[np.uint8] | None,
    span_seconds: Interval,
    theme: Theme,
    *,
    title: str = "",
) -> None:
    """Draw frames side by side over a span, or say that there are none, into ``axes``.

    Args:
        axes: To draw into.
        frames: RGB, shape (N, H, W, 3), uint8, evenly spaced over the span; None without video.
        span_seconds: Start and end.
        theme: Colours.
        title: Above them.
    """
    style_axes(axes, theme, title=title, grid=False)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_ylim(0, 1)
    if frames is None:
        _say(axes, "no video", theme)
        return
    edges = np.linspace(*span_seconds, len(frames) + 1)
    for frame, left, right in zip(frames, edges[:-1], edges[1:], strict=True):
        axes.imshow(frame, extent=(left, right, 0, 1), aspect="auto", interpolation="bilinear")


def draw_spectrogram(
    axes: Axes,
    waveform: npt.NDArray[np.float32] | None,
    sample_rate: int,
    theme: Theme,
    *,
    start_seconds: float = 0.0,
) -> None:
    """Draw the spectrogram of a sound, or say that there is none, into ``axes``.

    Args:
        axes: To draw into.
        waveform: PCM in [-1, 1], shape (S,); None without audio.
        sample_rate: Of the waveform, in Hz.
        theme: Colours.
        start_seconds: Where the sound begins on the time axis.
    """
    style_axes(axes, theme, ylabel="kHz", grid=False)
    if waveform is None or len(waveform) < _MIN_SAMPLES:
        axes.set_yticks([])
        _say(axes, "no audio", theme)
        return
    hertz, _, power = scipy.signal.spectrogram(
        waveform, sample_rate, window="hann", nperseg=512, noverlap=352
    )
    decibels = 10 * np.log10(power + 1e-12)
    end_seconds = start_seconds + len(waveform) / sample_rate
    axes.imshow(
        decibels,
        # Silence all through must not be stretched into a bright pattern of rounding noise.
        vmin=max(np.percentile(decibels, 20), decibels.max() - 80),
        cmap="magma",
        aspect="auto",
        origin="lower",
        extent=(start_seconds, end_seconds, 0, hertz[-1] / 1000),
    )


def _say(axes: Axes, text: str, theme: Theme) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, color=theme.muted, ha="center", va="center")
