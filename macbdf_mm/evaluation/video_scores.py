"""The scores of whole videos, gathered from the windows that a model has seen."""

import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ConfigError
from macbdf_mm.evaluation.functional.aggregation import DEFAULT_AGGREGATION, aggregate_windows
from macbdf_mm.structures.labels import STEP_TRACKS, TRACKS, UNKNOWN

if TYPE_CHECKING:
    from torch import Tensor

# Scores are written with so many digits: more would only make the files longer.
_SCORE_DIGITS = 5


class StepScores(NamedTuple):
    """One track's time steps of a window.

    Attributes:
        scores: (T',) float64, P(fake); NaN where the track was not seen.
        labels: (T',) int64, 1 fake, 0 real, -1 unknown.
    """

    scores: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True)
class WindowScores:
    """The scores of one window of a video, with the annotation of the video.

    Attributes:
        file: The video, as the annotation names it.
        span_seconds: The window, [start, end).
        scores: P(fake) of overall, video, audio; NaN for a track that was not seen.
        labels: Labels of the whole clip in the same order, -1 unknown.
        category: RVRA, FVRA, RVFA, FVFA or None.
        method: How the clip was forged, None if unknown or real.
        video_method: How its video was forged, where the data set says so.
        audio_method: How its audio was forged, where the data set says so.
        decode_error: Why the window could not be read, None if it could.
        steps: The time steps of ``video`` and ``audio``; empty if the model has no frame-level
            head.
        path: Where the video is; it tells apart videos of several data sets that have one name.
    """

    file: str
    span_seconds: tuple[float, float]
    scores: tuple[float, float, float]
    labels: tuple[int, int, int]
    category: str | None = None
    method: str | None = None
    video_method: str | None = None
    audio_method: str | None = None
    decode_error: str | None = None
    # Left out of comparisons: arrays have no single truth value.
    steps: Mapping[str, StepScores] = field(default_factory=dict, compare=False)
    path: str | None = None

    @property
    def identity(self) -> str:
        """What the windows of one video share, and those of another do not."""
        return self.file if self.path is None else os.path.normpath(self.path)


@dataclass(frozen=True)
class VideoScores:
    """The aggregated scores of one video.

    Attributes:
        scores: P(fake) by track name, NaN for a track that was seen in no window.
        labels: Labels of the clip by track name, -1 unknown.
        windows: The windows by their start.
    """

    file: str
    scores: Mapping[str, float]
    labels: Mapping[str, int]
    windows: tuple[WindowScores, ...]

    @property
    def is_scored(self) -> bool:
        """Whether the video has an overall score."""
        return not math.isnan(self.scores["overall"])

    @property
    def problem(self) -> str:
        """Why a video has no score."""
        reasons = [window.decode_error for window in self.windows if window.decode_error]
        return reasons[0] if reasons else "neither track could be scored"

    @property
    def category(self) -> str | None:
        """RVRA, FVRA, RVFA, FVFA, or None where a track's label is unknown."""
        return self.windows[0].category

    def method_of(self, track: str) -> str | None:
        """Return how a track was forged; for ``'overall'``, the method of the clip."""
        first = self.windows[0]
        return {
            "overall": first.method,
            "video": first.video_method,
            "audio": first.audio_method,
        }[track]

    def steps_of(self, track: str) -> StepScores:
        """Return the known time steps of a track in all windows, one after the other.

        Args:
            track: ``'video'`` or ``'audio'``.
        """
        parts = [window.steps[track] for window in self.windows if track in window.steps]
        scores = np.concatenate([part.scores for part in parts] or [np.zeros(0)])
        labels = np.concatenate([part.labels for part in parts] or [np.zeros(0, np.int64)])
        known = (labels != UNKNOWN) & ~np.isnan(scores)
        return StepScores(scores[known], labels[known])

    def to_json(self) -> dict[str, Any]:
        """Return a row for a report: plain values, null for what is not known.

        ``windows`` are lists of start, end and the three scores; ``steps`` are, for each track
        that has them, a list of scores for each window.
        """
        return {
            "file": self.file,
            "label": self.labels["overall"],
            "video_label": self.labels["video"],
            "audio_label": self.labels["audio"],
            "category": self.category,
            "method": self.method_of("overall"),
            "video_method": self.method_of("video"),
            "audio_method": self.method_of("audio"),
            "scores": {track: none_if_nan(score) for track, score in self.scores.items()},
            "windows": [
                [*window.span_seconds, *map(none_if_nan, window.scores)] for window in self.windows
            ],
            "steps": steps_to_json(self.windows),
        }


def window_of_sample(sample: Mapping[str, Any]) -> WindowScores:
    """Return the scores of a data sample after prediction, as a plain value.

    Args:
        sample: A ``ForgeryDataSample`` as a dict, with ``file``, ``span_seconds`` and
            ``pred_scores`` of shape (3,).
    """
    extra = sample.get("extra") or {}
    start, end = (float(edge) for edge in sample["span_seconds"])
    scores = _array(sample["pred_scores"], np.float64)
    label, video_label, audio_label = (
        int(sample.get(key, UNKNOWN))
        for key in ("clip_label", "clip_video_label", "clip_audio_label")
    )
    return WindowScores(
        file=str(sample["file"]),
        span_seconds=(start, end),
        scores=(float(scores[0]), float(scores[1]), float(scores[2])),
        labels=(label, video_label, audio_label),
        category=sample.get("category"),
        method=sample.get("method"),
        video_method=extra.get("video_method"),
        audio_method=extra.get("audio_method"),
        decode_error=sample.get("decode_error"),
        path=sample.get("path"),
        steps={
            track: _steps_of(sample, track)
            for track in STEP_TRACKS
            if f"pred_{track}_steps" in sample
        },
    )


def gather_videos(
    windows: Iterable[WindowScores], aggregation: str = DEFAULT_AGGREGATION
) -> list[VideoScores]:
    """Return one entry per video, by file name.

    Videos of several data sets that have the same name are named by their paths instead.

    A window that appears twice, as a distributed sampler makes it to fill its last batch,
    counts once.

    Args:
        windows: Windows of any videos, in any order.
        aggregation: How a video's score follows from its windows, see
            :func:`~macbdf_mm.evaluation.functional.aggregate_windows`.
    """
    videos: dict[str, dict[tuple[float, float], WindowScores]] = {}
    names: dict[str, str] = {}
    for window in windows:
        videos.setdefault(window.identity, {})[window.span_seconds] = window
        names[window.identity] = window.file
    num_named = Counter(names.values())
    return [
        _gather(
            names[identity] if num_named[names[identity]] == 1 else identity,
            tuple(videos[identity][span] for span in sorted(videos[identity])),
            aggregation,
        )
        for identity in sorted(videos, key=lambda identity: (names[identity], identity))
    ]


def none_if_nan(value: float) -> float | None:
    """Return the value, or None for NaN, which JSON does not have."""
    return None if math.isnan(value) else value


def steps_to_json(windows: Iterable[WindowScores]) -> dict[str, list[list[float | None]]]:
    """Return the step scores by track, a list of T' for each window; empty without any."""
    windows = list(windows)
    tracks = [track for track in STEP_TRACKS if all(track in window.steps for window in windows)]
    return {
        track: [
            [
                none_if_nan(round(float(score), _SCORE_DIGITS))
                for score in window.steps[track].scores
            ]
            for window in windows
        ]
        for track in tracks
    }


def _steps_of(sample: Mapping[str, Any], track: str) -> StepScores:
    """Return predicted and, where they are given, annotated steps of a track."""
    scores = _array(sample[f"pred_{track}_steps"], np.float64)
    labels = sample.get(f"gt_{track}_steps")
    if labels is None:
        return StepScores(scores, np.full(scores.shape, UNKNOWN, dtype=np.int64))
    steps = StepScores(scores, _array(labels, np.int64))
    if steps.scores.shape != steps.labels.shape:
        raise ConfigError(
            f"The model scores {len(scores)} time steps of the {track}, but the data have "
            f"{len(labels)} step labels: set `num_steps` of PackForgeryInputs to {len(scores)} in "
            "the pipelines for validation and test."
        )
    return steps


def _array(values: "Tensor", dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    # A copy: a view of a tensor from a loading worker would keep its shared memory, and with it a
    # file descriptor, for as long as the results are kept.
    return np.array(values.detach().cpu(), dtype=dtype)


def _gather(file: str, windows: tuple[WindowScores, ...], aggregation: str) -> VideoScores:
    scores = np.array([window.scores for window in windows])  # (N, 3)
    return VideoScores(
        file=file,
        scores={
            track: aggregate_windows(scores[:, index], aggregation)
            for index, track in enumerate(TRACKS)
        },
        labels=dict(zip(TRACKS, windows[0].labels, strict=True)),
        windows=windows,
    )
