"""The scores of whole videos, gathered from the windows that a model has seen."""

import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import AnnotationError, ConfigError
from macbdf_mm.evaluation.functional.aggregation import DEFAULT_AGGREGATION, aggregate_windows
from macbdf_mm.evaluation.functional.real_windows import RealWindows
from macbdf_mm.structures.intervals import Interval, fake_intervals
from macbdf_mm.structures.labels import REAL, STEP_TRACKS, TRACKS, UNKNOWN

if TYPE_CHECKING:
    from torch import Tensor

SCORE_DIGITS = 5
"""Scores are written with so many digits: more would only make the files longer."""
# Columns of the annotation that are fields of their own, not in its `extra`.
_COLUMNS = ("identity", "source", "split")

Status = Literal["ok", "missing", "error"]


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
        dataset: Name of the data set that the video is from.
        columns: Further columns of the annotation by which clips can be grouped, such as
            ``identity`` and ``source``.
        unusable: Tracks that were masked, ``'video'`` or ``'audio'``, and why: ``'blank'``,
            ``'frozen'``, ``'silent'`` or ``'incomplete'``.
        duration_seconds: Length of the video, None if unknown.
        forgeries: By track, intervals in seconds of the video in which it is fake; without the
            tracks of which that is not known.
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
    dataset: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    unusable: Mapping[str, str] = field(default_factory=dict)
    duration_seconds: float | None = None
    forgeries: Mapping[str, tuple[Interval, ...]] = field(default_factory=dict)

    @property
    def video(self) -> tuple[str, str]:
        """What the windows of one video share, and those of another do not."""
        place = self.file if self.path is None else os.path.normpath(self.path)
        return self.dataset or "", place

    @property
    def groups(self) -> dict[str, str]:
        """All columns by which clips can be grouped, without those that say nothing here."""
        known = {
            "category": self.category,
            "method": self.method,
            "video_method": self.video_method,
            "audio_method": self.audio_method,
        }
        return {name: value for name, value in known.items() if value is not None} | dict(
            self.columns
        )


@dataclass(frozen=True)
class VideoScores:
    """The scores of one video, with its annotation: a row of a score file.

    Attributes:
        file: The video, as the annotation names it.
        scores: P(fake) by track name, NaN for a track that was seen in no window; calibrated, if
            that was done.
        labels: Labels of the clip by track name, -1 unknown.
        windows: The windows by their start; empty where only the clip has scores. Their scores
            are those of the model, and not calibrated.
        dataset: Name of the data set that the video is from.
        path: Where the video is, None if that is not known.
        groups: Columns of the annotation by which clips can be grouped: ``category``,
            ``method``, ``identity``, ``source`` and so on; without those that say nothing.
        error: Why the video could not be read, or a part of it; None if it could.
        absence: Why there is no score although the video could be read.
        duration_seconds: Length of the video, None if unknown.
        forgeries: By track, intervals in seconds in which it is fake; without the tracks of which
            that is not known.
        raw_scores: The scores before calibration; None if they were not calibrated.
    """

    file: str
    scores: Mapping[str, float]
    labels: Mapping[str, int]
    windows: tuple[WindowScores, ...] = ()
    dataset: str | None = None
    path: str | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    absence: str = "neither track could be scored"
    duration_seconds: float | None = None
    forgeries: Mapping[str, tuple[Interval, ...]] = field(default_factory=dict)
    raw_scores: Mapping[str, float] | None = None

    @property
    def uncalibrated(self) -> Mapping[str, float]:
        """The scores before any calibration."""
        return self.scores if self.raw_scores is None else self.raw_scores

    @property
    def is_scored(self) -> bool:
        """Whether the video has an overall score."""
        return not math.isnan(self.scores["overall"])

    @property
    def status(self) -> Status:
        """``ok`` with an overall score; without one ``error`` if it could not be read."""
        if self.is_scored:
            return "ok"
        return "missing" if self.error is None else "error"

    @property
    def problem(self) -> str:
        """Why a video has no score."""
        return self.error or self.absence

    @property
    def category(self) -> str | None:
        """RVRA, FVRA, RVFA, FVFA, or None where a track's label is unknown."""
        return self.groups.get("category")

    def method_of(self, track: str) -> str | None:
        """Return how a track was forged; for ``'overall'``, the method of the clip."""
        return self.groups.get("method" if track == "overall" else f"{track}_method")

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
        dataset=sample.get("dataset_name"),
        columns=_columns(sample, extra),
        unusable=dict(sample.get("unusable") or {}),
        duration_seconds=sample.get("duration_seconds"),
        forgeries=_forgeries(sample),
        steps={
            track: _steps_of(sample, track)
            for track in STEP_TRACKS
            if f"pred_{track}_steps" in sample
        },
    )


def gather_videos(
    windows: Iterable[WindowScores],
    aggregation: str = DEFAULT_AGGREGATION,
    real_windows: Mapping[str, RealWindows] | None = None,
) -> list[VideoScores]:
    """Return one entry per video, by data set and file name.

    Videos of several data sets stay apart, also if their files have the same names. A window that
    appears twice, as a distributed sampler makes it to fill its last batch, counts once.

    Args:
        windows: Windows of any videos, in any order.
        aggregation: How a video's score follows from its windows, see
            :func:`~macbdf_mm.evaluation.functional.aggregation.aggregate_windows`.
        real_windows: By track, how the scores of real windows are distributed; None: uniformly.
    """
    videos: dict[tuple[str, str], dict[tuple[float, float], WindowScores]] = {}
    for window in windows:
        videos.setdefault(window.video, {})[window.span_seconds] = window
    gathered = [
        _gather(tuple(spans[span] for span in sorted(spans)), aggregation, real_windows or {})
        for spans in videos.values()
    ]
    return sorted(gathered, key=order_of)


def order_of(video: VideoScores) -> tuple[str, str, str]:
    """Return by what videos are sorted: data set, file, path."""
    return video.dataset or "", video.file, video.path or ""


def names_of(videos: Sequence[VideoScores]) -> list[str]:
    """Return a name for each video that no other has.

    Its file; where several data sets have such a file, with the data set before it; where these
    have the same name as well, the path.
    """
    files = Counter(video.file for video in videos)
    keys = Counter((video.dataset, video.file) for video in videos)
    return [
        video.file
        if files[video.file] == 1
        else f"{video.dataset}: {video.file}"
        if video.dataset is not None and keys[video.dataset, video.file] == 1
        else video.path or video.file
        for video in videos
    ]


def clip_keys(videos: Sequence[VideoScores], owner: str) -> list[tuple[str, ...]]:
    """Return by what each clip is found in other score files: data set and file.

    With the path where several clips of the videos share both.

    Args:
        videos: The clips of one score file.
        owner: Its name, for the error.

    Raises:
        AnnotationError: If a clip stands in it twice.
    """
    keys = [(video.dataset or "", video.file) for video in videos]
    shared = {key for key, number in Counter(keys).items() if number > 1}
    found: list[tuple[str, ...]] = [
        (*key, video.path or "") if key in shared else key
        for key, video in zip(keys, videos, strict=True)
    ]
    twice = [key for key, number in Counter(found).items() if number > 1]
    if twice:
        raise AnnotationError(f"'{owner}' has two rows of the clip '{twice[0][1]}'; keep one.")
    return found


def none_if_nan(value: float) -> float | None:
    """Return the value, or None for NaN, which JSON does not have."""
    return None if math.isnan(value) else value


def steps_to_json(windows: Iterable[WindowScores]) -> dict[str, list[list[float | None]]]:
    """Return the step scores by track, a list of T' for each window; empty without any."""
    windows = list(windows)
    tracks = [track for track in STEP_TRACKS if all(track in window.steps for window in windows)]
    return {
        track: [
            [none_if_nan(round(float(score), SCORE_DIGITS)) for score in window.steps[track].scores]
            for window in windows
        ]
        for track in tracks
    }


def _forgeries(sample: Mapping[str, Any]) -> dict[str, tuple[Interval, ...]]:
    found = {}
    for track in STEP_TRACKS:
        label, intervals = sample.get(f"clip_{track}_label", UNKNOWN), None
        if label == REAL or sample.get("duration_seconds") is not None:
            intervals = sample.get(f"{track}_fake_intervals")
        if label != UNKNOWN and intervals is not None:
            known = fake_intervals(label, intervals, sample.get("duration_seconds") or 0.0)
            found[track] = tuple((float(start), float(end)) for start, end in known)
    return found


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


def _columns(sample: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, str]:
    """Return the single values among the further columns, as text."""
    found = {name: sample.get(name) for name in _COLUMNS}
    found |= {
        name: value for name, value in extra.items() if name not in ("video_method", "audio_method")
    }
    return {
        name: str(value)
        for name, value in sorted(found.items())
        if isinstance(value, str | int | float)
    }


def _gather(
    windows: tuple[WindowScores, ...],
    aggregation: str,
    real_windows: Mapping[str, RealWindows],
) -> VideoScores:
    scores = np.array([window.scores for window in windows])  # (N, 3)
    first = windows[0]
    return VideoScores(
        file=first.file,
        scores={
            track: aggregate_windows(scores[:, index], aggregation, real_windows.get(track))
            for index, track in enumerate(TRACKS)
        },
        labels=dict(zip(TRACKS, first.labels, strict=True)),
        windows=windows,
        dataset=first.dataset,
        path=first.path,
        groups=first.groups,
        error=next((window.decode_error for window in windows if window.decode_error), None),
        absence=(
            _why_unusable(windows)
            if any(window.unusable for window in windows)
            else "neither track could be scored"
        ),
        duration_seconds=first.duration_seconds,
        forgeries={
            track: intervals
            for track, intervals in first.forgeries.items()
            # A transform that moves them within each window leaves no such place in the video.
            if all(window.forgeries.get(track) == intervals for window in windows)
        },
    )


def _why_unusable(windows: Sequence[WindowScores]) -> str:
    reasons = {reason for window in windows for reason in window.unusable.values()}
    if reasons == {"incomplete"}:
        return "nothing in it can be judged: it is too short to fill a window"
    return "nothing in it can be judged: it is blank, frozen, silent or incomplete throughout"
