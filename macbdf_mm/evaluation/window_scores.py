"""The scores of one window of a video, with what the annotation says of it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ConfigError
from macbdf_mm.structures.intervals import Interval, fake_intervals
from macbdf_mm.structures.labels import REAL, STEP_TRACKS, UNKNOWN

if TYPE_CHECKING:
    from torch import Tensor

# Columns of the annotation that are fields of their own, not in its `extra`.
_COLUMNS = ("identity", "source", "split")


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
