"""Where in time videos are fake: proposals from the step scores of their windows, AP and AR."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from macbdf_mm.evaluation.functional.localisation.average_precision import (
    Localisation,
    challenge_score,
    localisation_bootstrap,
    localise,
)
from macbdf_mm.evaluation.functional.localisation.matching import Convention
from macbdf_mm.evaluation.functional.localisation.proposals import (
    ProposalSettings,
    fit_proposals,
    propose,
)
from macbdf_mm.evaluation.functional.localisation.segments import (
    Floats,
    Segments,
    pooled,
    union,
)
from macbdf_mm.evaluation.functional.localisation.step_resolution import best_average_precision
from macbdf_mm.evaluation.functional.localisation.timeline import merge_steps
from macbdf_mm.evaluation.scored_clips import ScoredClips
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.structures.labels import STEP_TRACKS, TRACKS

Mask = npt.NDArray[np.bool_]

MEASURED = Localisation((0.5, 0.75, 0.9, 0.95), (100, 50, 30, 20, 10, 5))
"""The figures of the tables: those of published ones on LAV-DF, AV-Deepfake1M and its challenge."""
CHALLENGE_SCORE = "challenge_score"
CONVENTIONS: tuple[Convention, ...] = ("exact", "avdeepfake1m")

# More validation videos change the settings little, and each is tried with some sixty settings.
_MAX_FIT_VIDEOS = 5000
# Annotations state times in frames or in hundredths of a second.
_ROUNDING_SECONDS = 0.05
# A file without a length in the score file: its steps are not cut at the end.
_UNKNOWN_LENGTH = math.inf


@dataclass(frozen=True, eq=False)
class LocalisedTrack:
    """How well the forgeries of one track are located.

    Attributes:
        figures: By convention ``ap@0.5``, ``ar@10`` and so on, and ``challenge_score``, that of
            AV-Deepfake1M++; for ``exact`` with the ends of intervals, ``ap@0.5_low`` and
            ``ap@0.5_high``. NaN without annotated forgeries.
        best: By convention the AP that steps of this length allow, if all were decided rightly.
        step_seconds: Length of most steps.
        num_forgeries: Number of annotated intervals in the videos that are measured.
        num_whole: Number of those that span the whole video.
        num_videos: Number of these videos.
        num_labelled: Number of videos whose forgeries in the track are known.
        num_partly_seen: Number of the videos that are measured with windows in which the track was
            not seen, where nothing is proposed.
    """

    figures: Mapping[str, Mapping[str, float]]
    best: Mapping[str, Mapping[str, float]]
    step_seconds: float
    num_forgeries: int
    num_whole: int
    num_videos: int
    num_labelled: int
    num_partly_seen: int


def timelines(videos: Sequence[VideoScores]) -> dict[str, Segments]:
    """Return the scored time steps of each track, overlapping windows merged by their mean.

    The overall score of a step is the highest of its tracks, since a clip is fake where either
    is. Steps in which a track was not seen are left out, and so is what lies behind a video's end.

    Args:
        videos: V videos, which are the files of the result.

    Returns:
        By track; empty if no window has step scores, as of a model without a frame-level head.
    """
    found = {}
    for track in STEP_TRACKS:
        if any(track in window.steps for video in videos for window in video.windows):
            found[track] = merge_steps(_steps(videos, track))
    if found:
        found["overall"] = merge_steps(pooled(list(found.values())), how="max")
    return {track: found[track] for track in TRACKS if track in found}


def known_forgeries(videos: Sequence[VideoScores]) -> dict[str, tuple[Segments, Mask]]:
    """Return the annotated forgeries of each track, and of which of the V videos they are known.

    Overall forgeries are where either track is fake; they are known where those of both are.
    """
    found = {}
    for track in STEP_TRACKS:
        segments = Segments.from_files([video.forgeries.get(track, ()) for video in videos])
        is_known = np.array([track in video.forgeries for video in videos], dtype=bool)
        found[track] = segments, is_known
    both = union([segments for segments, _ in found.values()])
    are_known = np.logical_and.reduce([is_known for _, is_known in found.values()])
    return {"overall": (both, are_known), **found}


def propose_intervals(
    videos: Sequence[VideoScores], settings: Mapping[str, ProposalSettings]
) -> dict[str, Segments]:
    """Return the proposals of V videos by track, best first; empty without step scores.

    Args:
        videos: The videos.
        settings: By track; the defaults where a track has none.
    """
    return {
        track: propose(steps, settings.get(track, ProposalSettings()), _clip_scores(videos, track))
        for track, steps in timelines(videos).items()
    }


def fit_proposal_settings(videos: Sequence[VideoScores]) -> dict[str, ProposalSettings]:
    """Return by track the settings that locate the forgeries of validation videos best.

    Without the tracks that have no step scores or no annotated forgeries. With over 5,000 videos,
    so many of them are taken, evenly spaced.
    """
    if len(videos) > _MAX_FIT_VIDEOS:
        places = np.linspace(0, len(videos) - 1, _MAX_FIT_VIDEOS).round().astype(int)
        videos = [videos[place] for place in places]
    truths = known_forgeries(videos)
    found = {}
    for track, steps in timelines(videos).items():
        segments, is_known = truths[track]
        chosen = is_known & (steps.counts > 0)
        wanted = segments.of_files(chosen)
        if wanted.files.size:
            scores = _clip_scores(videos, track)[chosen]
            found[track], _ = fit_proposals(steps.of_files(chosen), wanted, scores)
    return found


def measure_localisation(
    videos: Sequence[VideoScores] | ScoredClips,
    settings: Mapping[str, ProposalSettings],
    num_resamples: int = 1000,
) -> dict[str, LocalisedTrack]:
    """Return how well forgeries are located, by track; empty without step scores.

    Args:
        videos: The videos; those without a score of a track, or whose forgeries in it are not
            known, are left out. One that got a score by
            :func:`~macbdf_mm.evaluation.scored_clips.fill_missing` has no proposals.
        settings: By track how step scores become proposals, see :func:`propose_intervals`.
        num_resamples: Of the intervals of ``exact``, over clusters of clips; 0 leaves them out.
    """
    clips = ScoredClips.of(videos)
    proposals = propose_intervals(clips.videos, settings)
    truths = known_forgeries(clips.videos)
    durations = np.array([_length(video) for video in clips.videos])
    found = {}
    for track, proposed in proposals.items():
        segments, is_known = truths[track]
        chosen = is_known & ~np.isnan(clips.scores[track])
        wanted, given = segments.of_files(chosen), proposed.of_files(chosen)
        step_seconds = _step_seconds(clips.videos, track)
        figures: dict[str, dict[str, float]] = {}
        best: dict[str, dict[str, float]] = {}
        for convention in CONVENTIONS:
            own = localise(given, wanted, convention, MEASURED)
            figures[convention] = own | {CHALLENGE_SCORE: challenge_score(own)}
            limits = best_average_precision(
                wanted, durations[chosen], step_seconds, MEASURED.ap_ious, convention
            )
            best[convention] = {
                f"ap@{iou:g}": float(limit)
                for iou, limit in zip(MEASURED.ap_ious, limits, strict=True)
            }
        if num_resamples and wanted.files.size:
            clusters = clips.clusters.subset(chosen)
            drawn = localisation_bootstrap(
                given, wanted, clusters, "exact", MEASURED, num_resamples=num_resamples
            )
            for name, estimate in drawn.estimates.items():
                ends = {f"{name}_low": estimate.low, f"{name}_high": estimate.high}
                figures["exact"] |= ends
        found[track] = LocalisedTrack(
            figures=figures,
            best=best,
            step_seconds=step_seconds,
            num_forgeries=wanted.files.size,
            num_whole=int(_are_whole(wanted, durations[chosen]).sum()),
            num_videos=int(chosen.sum()),
            num_labelled=int(is_known.sum()),
            num_partly_seen=sum(
                _is_partly_seen(video, track)
                for video, is_chosen in zip(clips.videos, chosen, strict=True)
                if is_chosen
            ),
        )
    return found


def _steps(videos: Sequence[VideoScores], track: str) -> Segments:
    """Return the steps of a track in all windows, S of V videos, as they overlap."""
    windows = [
        (place, *window.span_seconds, window.steps[track].scores)
        for place, video in enumerate(videos)
        for window in video.windows
        if track in window.steps
    ]
    counts = np.array([scores.size for *_, scores in windows], dtype=np.int64)
    window = np.repeat(np.arange(counts.size), counts)
    within = np.arange(window.size) - (np.cumsum(counts) - counts)[window]
    files = np.array([row[0] for row in windows], dtype=np.int64)[window]
    begins = np.array([row[1] for row in windows])[window]
    lengths = (np.array([row[2] for row in windows])[window] - begins) / counts[window]
    ends = np.array([_length(video, _UNKNOWN_LENGTH) for video in videos])[files]
    starts = begins + within * lengths
    scores = np.concatenate([row[3] for row in windows])
    steps = Segments(
        len(videos), files, starts, np.minimum(begins + (within + 1) * lengths, ends), scores
    )
    return steps.take(~np.isnan(scores) & (steps.ends > starts))


def _are_whole(forgeries: Segments, durations: Floats) -> Mask:
    """Return which forgeries span the whole of their video, but for rounding."""
    rest = durations[forgeries.files] - (forgeries.ends - forgeries.starts)
    return rest <= _ROUNDING_SECONDS


def _length(video: VideoScores, unknown: float | None = None) -> float:
    """Return the length of a video in seconds; if unknown, what is given, or its last window's."""
    if video.duration_seconds is not None:
        return video.duration_seconds
    if unknown is not None:
        return unknown
    return max((window.span_seconds[1] for window in video.windows), default=0.0)


def _clip_scores(videos: Sequence[VideoScores], track: str) -> Floats:
    return np.array([video.scores[track] for video in videos], dtype=np.float64)


def _step_seconds(videos: Sequence[VideoScores], track: str) -> float:
    """Return the length of most steps, overall of those of both tracks."""
    tracks = STEP_TRACKS if track == "overall" else (track,)
    kinds = Counter(
        (*window.span_seconds, window.steps[name].scores.size)
        for video in videos
        for window in video.windows
        for name in tracks
        if name in window.steps
    )
    lengths: Counter[float] = Counter()
    for (start, end, num_steps), number in kinds.items():
        lengths[round((end - start) / num_steps, 6)] += number
    return lengths.most_common(1)[0][0]


def _is_partly_seen(video: VideoScores, track: str) -> bool:
    """Return whether a track was not seen in a whole window; overall, neither track."""
    tracks = STEP_TRACKS if track == "overall" else (track,)
    return any(
        window.steps
        and all(_is_unseen(window.steps[name].scores) for name in tracks if name in window.steps)
        for window in video.windows
    )


def _is_unseen(scores: Floats) -> bool:
    # The first alone tells most windows: they are many.
    return bool(not scores.size or (math.isnan(scores[0]) and np.isnan(scores).all()))
