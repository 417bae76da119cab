"""A clip as the model gets it: frames, sound and labels of the same span."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from macbdf_mm.reports.figures.theme import LIGHT, Theme, new_figure, style_axes
from macbdf_mm.reports.figures.timeline import draw_film, draw_spectrogram
from macbdf_mm.structures.intervals import Interval
from macbdf_mm.structures.labels import FAKE, REAL, UNKNOWN

_WIDTH, _FILM_HEIGHT, _SOUND_HEIGHT, _STEP_HEIGHT = 9.0, 1.05, 0.8, 0.6
_MARGIN_HEIGHT = 0.75
# What is left of the width beside the names of the rows.
_FILM_WIDTH = 8.0
_MIN_FRAMES = 4
_STEP_WORDS = {FAKE: "fake", REAL: "real", UNKNOWN: "?"}
# Above this number of steps a cell has room for one letter only.
_MAX_WORDS = 12
_BAR_HEIGHT = 0.8


@dataclass(frozen=True)
class PipelineClip:
    """What a pipeline made of a clip, or of one window of it.

    Attributes:
        name: Its file, as annotated.
        span_seconds: Start and end in the file.
        frames: RGB, shape (T, H, W, 3), uint8, evenly spaced over the span.
        video_valid: Which of them show something, shape (T,), bool.
        waveform: PCM, shape (S,), float32.
        audio_valid: Which samples are sound, shape (S,), bool.
        labels: Of the span: overall, video and audio, 1 fake, 0 real, -1 unknown.
        clip_labels: Of the whole clip.
        steps: Labels of the time steps, shape (T',), under ``video`` and ``audio``.
        category: RVRA, FVRA, RVFA or FVFA of the whole clip; None if it is not known.
        method: How it was forged, if that is known.
        identity: Who is seen, if that is known.
    """

    name: str
    span_seconds: Interval
    frames: npt.NDArray[np.uint8]
    video_valid: npt.NDArray[np.bool_]
    waveform: npt.NDArray[np.float32]
    audio_valid: npt.NDArray[np.bool_]
    labels: Mapping[str, int]
    clip_labels: Mapping[str, int]
    steps: Mapping[str, npt.NDArray[np.int64]]
    category: str | None = None
    method: str | None = None
    identity: str | None = None

    @property
    def sample_rate(self) -> int:
        """The rate of the waveform, in Hz."""
        start, end = self.span_seconds
        return round(len(self.waveform) / (end - start))


def draw_pipeline_clip(clip: PipelineClip, theme: Theme = LIGHT) -> Figure:
    """Return a figure of frames, spectrogram, waveform and labels of steps, top to bottom.

    As many frames are shown as fit undistorted, evenly chosen. Where nothing is valid, frames are
    crossed out and the waveform has a gap.
    """
    heights = [_FILM_HEIGHT, _SOUND_HEIGHT, _SOUND_HEIGHT * 0.75, _STEP_HEIGHT]
    figure = new_figure(theme, _WIDTH, sum(heights) + _MARGIN_HEIGHT)
    panels = figure.subplots(4, 1, gridspec_kw={"height_ratios": heights})
    film, spectrogram, waveform, steps = panels
    _draw_frames(film, clip, theme)
    start, _ = clip.span_seconds
    sound = clip.waveform if clip.audio_valid.any() else None
    draw_spectrogram(spectrogram, sound, clip.sample_rate, theme, start_seconds=start)
    _draw_waveform(waveform, clip, theme)
    _draw_steps(steps, clip, theme)
    for axes in panels:
        axes.set_xlim(*clip.span_seconds)
    for axes in (film, spectrogram, waveform):
        axes.tick_params(labelbottom=False)
    steps.set_xlabel("seconds of the file", fontsize=9, color=theme.muted)
    figure.align_ylabels(panels)
    return figure


def _draw_frames(axes: Axes, clip: PipelineClip, theme: Theme) -> None:
    if not clip.video_valid.any():
        draw_film(axes, None, clip.span_seconds, theme)
        return
    num_frames, height, width = clip.frames.shape[:3]
    fitting = round(_FILM_WIDTH / (_FILM_HEIGHT * width / height))
    count = min(num_frames, max(_MIN_FRAMES, fitting))
    # The frame in the middle of each of so many equal parts.
    chosen = ((np.arange(count) + 0.5) * num_frames / count).astype(int)
    draw_film(axes, clip.frames[chosen], clip.span_seconds, theme)
    edges = np.linspace(*clip.span_seconds, count + 1)
    for index, left, right in zip(chosen, edges[:-1], edges[1:], strict=True):
        if not clip.video_valid[index]:
            axes.plot([left, right, np.nan, left, right], [0, 1, np.nan, 1, 0], color=theme.muted)
    axes.set_ylim(0, 1)


def _draw_waveform(axes: Axes, clip: PipelineClip, theme: Theme) -> None:
    style_axes(axes, theme, ylabel="sound", grid=False)
    times = clip.span_seconds[0] + np.arange(len(clip.waveform)) / clip.sample_rate
    heard = np.where(clip.audio_valid, clip.waveform, np.nan)
    axes.plot(times, heard, color=theme.audio, linewidth=0.6)
    # The scale is that of PCM, so that loud and quiet clips look it; beyond it sound is clipped.
    top = max(1.0, float(np.abs(clip.waveform).max(initial=0.0)))
    axes.set_ylim(-top, top)
    axes.set_yticks([-1, 0, 1])


def _draw_steps(axes: Axes, clip: PipelineClip, theme: Theme) -> None:
    """Draw a row of cells per track: full with the word fake, empty real, "?" unknown."""
    style_axes(axes, theme, grid=False)
    for row, track in enumerate(("audio", "video")):
        labels = clip.steps[track]
        edges = np.linspace(*clip.span_seconds, len(labels) + 1)
        for label, left, right in zip(labels.tolist(), edges[:-1], edges[1:], strict=True):
            is_fake = label == FAKE
            axes.broken_barh(
                [(left, right - left)],
                (row - _BAR_HEIGHT / 2, _BAR_HEIGHT),
                facecolor=theme.fake if is_fake else theme.paper,
                edgecolor=theme.paper if is_fake else theme.grid,
                linewidth=1,
            )
            word = _STEP_WORDS[label]
            axes.text(
                (left + right) / 2,
                row,
                word if len(labels) <= _MAX_WORDS else word[0].upper(),
                ha="center",
                va="center",
                fontsize=8,
                color=theme.paper if is_fake else theme.ink,
            )
    axes.set_yticks([0, 1], ["audio", "video"])
    axes.set_ylim(-0.5, 1.5)
