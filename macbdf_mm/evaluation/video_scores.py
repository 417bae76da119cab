"""The scores of whole videos, gathered from the windows that a model has seen."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from macbdf_mm.evaluation.functional import DEFAULT_AGGREGATION, aggregate_windows
from macbdf_mm.structures.labels import UNKNOWN

# The three logits of the head, in their order.
TRACKS = ("overall", "video", "audio")


@dataclass(frozen=True)
class WindowScores:
    """What a model says of one window of a video, with what the annotation says of the video.

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

    def to_json(self) -> dict[str, Any]:
        """Return a row for a report: plain values, null for what is not known."""
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
        }


def window_of_sample(sample: Mapping[str, Any]) -> WindowScores:
    """Return the scores of a data sample after prediction, as a plain value.

    Args:
        sample: A ``ForgeryDataSample`` as a dict, with ``file``, ``span_seconds`` and
            ``pred_scores`` of shape (3,).
    """
    extra = sample.get("extra") or {}
    start, end = (float(edge) for edge in sample["span_seconds"])
    scores = np.asarray(sample["pred_scores"].detach().cpu(), dtype=np.float64)
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
    )


def gather_videos(
    windows: Iterable[WindowScores], aggregation: str = DEFAULT_AGGREGATION
) -> list[VideoScores]:
    """Return one entry a video, by file name.

    A window that appears twice, as a distributed sampler makes it to fill its last batch,
    counts once.

    Args:
        windows: Windows of any videos, in any order.
        aggregation: How a video's score follows from its windows, see
            :func:`~macbdf_mm.evaluation.functional.aggregate_windows`.
    """
    by_file: dict[str, dict[tuple[float, float], WindowScores]] = {}
    for window in windows:
        by_file.setdefault(window.file, {})[window.span_seconds] = window
    return [
        _gather(file, tuple(by_file[file][span] for span in sorted(by_file[file])), aggregation)
        for file in sorted(by_file)
    ]


def none_if_nan(value: float) -> float | None:
    """Return the value, or None for NaN, which JSON does not have."""
    return None if math.isnan(value) else value


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
