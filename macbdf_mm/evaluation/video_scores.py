"""The scores of whole videos, gathered from the windows that a model has seen."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from macbdf_mm.errors import AnnotationError
from macbdf_mm.evaluation.functional.aggregation import DEFAULT_AGGREGATION, aggregate_windows
from macbdf_mm.evaluation.functional.real_windows import RealWindows
from macbdf_mm.evaluation.window_scores import WindowScores
from macbdf_mm.structures.intervals import Interval
from macbdf_mm.structures.labels import STEP_TRACKS, TRACKS

SCORE_DIGITS = 5
"""Scores are written with so many digits: more would only make the files longer."""

Status = Literal["ok", "missing", "error"]


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
    if "without a face" in reasons:
        return "nothing in it can be judged: no face is seen, and no sound is heard"
    return "nothing in it can be judged: it is blank, frozen, silent or incomplete throughout"
