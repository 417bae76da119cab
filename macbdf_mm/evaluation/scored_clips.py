"""Scores of clips by column, and what is done about clips without one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.functional.clusters import Clusters, clusters_of
from macbdf_mm.evaluation.functional.weighted_clips import Labels, Scores
from macbdf_mm.evaluation.video_scores import VideoScores, clip_keys
from macbdf_mm.structures.labels import FAKE, REAL, TRACKS, UNKNOWN

MissingPolicy = Literal["exclude", "as-real", "as-fake"]
MISSING_POLICIES: tuple[MissingPolicy, ...] = get_args(MissingPolicy)
_ASSUMED = {"as-real": 0.0, "as-fake": 1.0}


@dataclass(frozen=True, eq=False)
class ScoredClips:
    """Labels and scores of N clips by column.

    Attributes:
        videos: The clips.
        labels: Labels by track, int64 of shape (N,); -1 unknown.
        scores: P(fake) by track, float64 of shape (N,); NaN where there is none.
    """

    videos: Sequence[VideoScores]
    labels: dict[str, Labels]
    scores: dict[str, Scores]

    @classmethod
    def of(cls, videos: "Sequence[VideoScores] | ScoredClips") -> "ScoredClips":
        """Return the columns of videos; columns are returned as they are."""
        if isinstance(videos, ScoredClips):
            return videos
        return cls(
            videos,
            {t: np.array([v.labels[t] for v in videos], dtype=np.int64) for t in TRACKS},
            {t: np.array([v.scores[t] for v in videos], dtype=np.float64) for t in TRACKS},
        )

    @cached_property
    def clusters(self) -> Clusters:
        """Which clips belong together: of one identity, else of one source, else alone.

        Of several data sets, each has its own people and recordings.
        """

        videos = self.videos
        return clusters_of(
            ["\0".join(key) for key in clip_keys(videos, "the test")],
            [_of_own_set(video, "identity") for video in videos],
            [_of_own_set(video, "source") for video in videos],
        )

    def is_usable(self, track: str) -> npt.NDArray[np.bool_]:
        """Return which clips have both a label and a score of a track, shape (N,)."""
        return (self.labels[track] != UNKNOWN) & ~np.isnan(self.scores[track])

    def coverage(self, track: str) -> tuple[int, int]:
        """Return how many of the clips with a label of a track have a score, and all of them."""
        is_labelled = self.labels[track] != UNKNOWN
        return int(self.is_usable(track).sum()), int(is_labelled.sum())

    def column(self, name: str) -> npt.NDArray[np.object_]:
        """Return a column of the annotation, None where it says nothing, shape (N,)."""
        return np.array([video.groups.get(name) for video in self.videos], dtype=object)

    @property
    def columns(self) -> list[str]:
        """Names of the columns of the annotation that at least one clip has, sorted."""
        return sorted({name for video in self.videos for name in video.groups})


def fill_missing(videos: Sequence[VideoScores], policy: MissingPolicy) -> list[VideoScores]:
    """Return the videos with a score where a labelled track has none.

    A track of which no clip has a score, as of a detector of the video alone, is left as it is: it
    is not judged at all, rather than missing.

    Args:
        videos: Videos with and without scores.
        policy: ``'as-real'`` takes 0, ``'as-fake'`` 1, as if a service had answered so for what it
            could not read. ``'exclude'`` leaves all as they are: they are measured without.

    Raises:
        ValueError: If there is no such policy.
    """
    if policy not in MISSING_POLICIES:
        raise ArgumentError(f"Expected `policy` in {list(MISSING_POLICIES)}, got {policy!r}.")
    if policy == "exclude":
        return list(videos)
    assumed = _ASSUMED[policy]
    judged = [
        track
        for track in TRACKS
        if track == "overall" or any(not math.isnan(video.scores[track]) for video in videos)
    ]
    return [_filled(video, judged, assumed) for video in videos]


def _of_own_set(video: VideoScores, column: str) -> str | None:
    value = video.groups.get(column)
    return value and f"{video.dataset or ''}\0{value}"


def _filled(video: VideoScores, judged: Sequence[str], assumed: float) -> VideoScores:
    is_lost = {
        track: math.isnan(video.scores[track]) and video.labels[track] in (FAKE, REAL)
        for track in judged
    }
    if not any(is_lost.values()):
        return video
    scores = {t: assumed if is_lost.get(t) else video.scores[t] for t in TRACKS}
    return replace(video, scores=scores)
