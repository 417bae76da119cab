"""One clip at a glance: its frames, its spectrogram, its scores and the truth, on one clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.signal
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from macbdf_mm.reports.figures.theme import LIGHT, Theme, new_figure, stacked_axes, style_axes
from macbdf_mm.reports.figures.timeline import draw_intervals, draw_scores
from macbdf_mm.structures.intervals import Interval

_MIN_SAMPLES = 512


@dataclass(frozen=True)
class ClipStory:
    """What the picture of one clip shows.

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
    fill_clip_axes(stacked_axes(figure, [1.45, 1.3, 1.9, 0.8]), story, theme)
    return figure


def fill_clip_axes(panels: Sequence[Axes], story: ClipStory, theme: Theme) -> None:
    """Draw a clip into four existing axes: frames, spectrogram, scores, intervals."""
    film, spectrogram, scores, truth = panels
    _draw_film(film, story, theme)
    _draw_spectrogram(spectrogram, story, theme)
    draw_scores(scores, story.windows, story.thresholds, theme)
    draw_intervals(truth, story.intervals, theme)
    truth.set_xlabel("seconds", fontsize=9, color=theme.muted)
    for axes in panels:
        axes.set_xlim(0, story.duration_seconds)
    for axes in (film, spectrogram, scores):
        axes.tick_params(labelbottom=False)


def _draw_film(axes: Axes, story: ClipStory, theme: Theme) -> None:
    style_axes(axes, theme, title=story.title, grid=False)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_ylim(0, 1)
    if story.frames is None:
        _say(axes, "no video", theme)
        return
    edges = np.linspace(0.0, story.duration_seconds, len(story.frames) + 1)
    for frame, left, right in zip(story.frames, edges[:-1], edges[1:], strict=True):
        axes.imshow(frame, extent=(left, right, 0, 1), aspect="auto", interpolation="bilinear")


def _draw_spectrogram(axes: Axes, story: ClipStory, theme: Theme) -> None:
    style_axes(axes, theme, ylabel="kHz", grid=False)
    if story.waveform is None or len(story.waveform) < _MIN_SAMPLES:
        axes.set_yticks([])
        _say(axes, "no audio", theme)
        return
    hertz, _, power = scipy.signal.spectrogram(
        story.waveform, story.sample_rate, window="hann", nperseg=512, noverlap=352
    )
    decibels = 10 * np.log10(power + 1e-12)
    axes.imshow(
        decibels,
        # Silence all through must not be stretched into a bright pattern of rounding noise.
        vmin=max(np.percentile(decibels, 20), decibels.max() - 80),
        cmap="magma",
        aspect="auto",
        origin="lower",
        extent=(0, len(story.waveform) / story.sample_rate, 0, hertz[-1] / 1000),
    )


def _say(axes: Axes, text: str, theme: Theme) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, color=theme.muted, ha="center", va="center")
