"""All figures of a test, from the scores of its videos."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from macbdf_mm.evaluation.functional import (
    accuracy,
    auc,
    average_precision,
    balanced_accuracy,
    best_threshold,
    bootstrap_interval,
    eer,
)
from macbdf_mm.evaluation.video_scores import STEP_TRACKS, TRACKS, StepScores, VideoScores
from macbdf_mm.structures.labels import FAKE, REAL

# Key of the AUC by operator, for each logit.
METHOD_KEYS = {
    "overall": "auc_by_method",
    "video": "auc_by_video_method",
    "audio": "auc_by_audio_method",
}


class LabelledScores(NamedTuple):
    """Labels and scores of the videos whose track has both; int64 and float64, shape (N,)."""

    labels: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]


def labelled_scores(videos: Sequence[VideoScores], track: str) -> LabelledScores:
    """Return labels and scores of one track, without unknown labels and unseen tracks."""
    pairs = [
        (video.labels[track], video.scores[track])
        for video in videos
        if video.labels[track] in (FAKE, REAL) and not math.isnan(video.scores[track])
    ]
    labels, scores = zip(*pairs, strict=True) if pairs else ((), ())
    return LabelledScores(np.array(labels, dtype=np.int64), np.array(scores, dtype=np.float64))


def best_thresholds(videos: Sequence[VideoScores]) -> dict[str, float]:
    """Return the threshold of the highest balanced accuracy by track, NaN where undefined."""
    return {track: best_threshold(*labelled_scores(videos, track)) for track in TRACKS}


def measure_track(
    videos: Sequence[VideoScores], track: str, threshold: float, num_resamples: int = 1000
) -> dict[str, float]:
    """Return the figures of one logit over all videos.

    Args:
        videos: The scored videos.
        track: ``'overall'``, ``'video'`` or ``'audio'``.
        threshold: A score of at least this is called fake.
        num_resamples: Of the bootstrap interval of the AUC.

    Returns:
        ``auc`` with its 95 % interval ``auc_low`` and ``auc_high``, ``ap``, ``eer``, ``acc``,
        ``balanced_acc``, ``always_fake_acc`` (the accuracy of calling everything fake, to be
        read beside ``acc``), ``threshold``, ``num_real`` and ``num_fake``. NaN where a
        class is missing.
    """
    labels, scores = labelled_scores(videos, track)
    low, high = bootstrap_interval(labels, scores, num_resamples=num_resamples)
    return {
        "auc": auc(labels, scores),
        "auc_low": low,
        "auc_high": high,
        "ap": average_precision(labels, scores),
        "eer": eer(labels, scores),
        "acc": accuracy(labels, scores, threshold),
        "balanced_acc": balanced_accuracy(labels, scores, threshold),
        "always_fake_acc": accuracy(labels, np.ones_like(scores), threshold=0.5),
        "threshold": threshold,
        "num_real": int((labels == REAL).sum()),
        "num_fake": int((labels == FAKE).sum()),
    }


def measure_by_category(videos: Sequence[VideoScores], threshold: float) -> dict[str, float]:
    """Return the overall logit's figures by category.

    ``acc_by_category/<category>`` for each, and ``auc_by_category/<category>`` of the fake
    ones against all real clips.
    """
    figures: dict[str, float] = {}
    for category in sorted({video.category for video in videos if video.category}):
        members = [video for video in videos if video.category == category]
        labels, scores = labelled_scores(members, "overall")
        figures[f"acc_by_category/{category}"] = accuracy(labels, scores, threshold)
        if (labels == FAKE).any():
            figures[f"auc_by_category/{category}"] = _auc_against_real(videos, members, "overall")
    return figures


def measure_by_method(videos: Sequence[VideoScores], track: str) -> dict[str, float]:
    """Return ``auc_by_.../<method>``: the fakes of one method against all real tracks.

    For ``'overall'`` the clip's method counts, for a track that track's own.
    """
    figures: dict[str, float] = {}
    fakes = [video for video in videos if video.labels[track] == FAKE and video.method_of(track)]
    for method in sorted({str(video.method_of(track)) for video in fakes}):
        members = [video for video in fakes if video.method_of(track) == method]
        figures[f"{METHOD_KEYS[track]}/{method}"] = _auc_against_real(videos, members, track)
    return figures


def measure_steps(videos: Sequence[VideoScores], track: str) -> dict[str, float]:
    """Return the frame-level figures of one track; nothing if no video has step scores.

    The steps of all videos are ranked together: ``frame_auc`` over all of them, and
    ``frame_auc_partial`` over the videos of which the track is fake in part only, where the
    clip's label does not help. ``num_partial`` counts those. NaN where a class is missing.

    Args:
        videos: The scored videos.
        track: ``'video'`` or ``'audio'``.
    """
    steps = [video.steps_of(track) for video in videos]
    if not any(len(part.labels) for part in steps):
        return {}
    partial = [part for part in steps if {FAKE, REAL} <= set(part.labels.tolist())]
    return {
        f"{track}/frame_auc": _auc_of_steps(steps),
        f"{track}/frame_auc_partial": _auc_of_steps(partial),
        f"{track}/num_partial": len(partial),
    }


def _auc_of_steps(parts: Sequence[StepScores]) -> float:
    if not parts:
        return math.nan
    return auc(
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )


def measure_videos(
    videos: Sequence[VideoScores], thresholds: Mapping[str, float], num_resamples: int = 1000
) -> dict[str, float]:
    """Return all figures of a test as one flat dict, keys like ``overall/auc``."""
    figures: dict[str, float] = {}
    for track in TRACKS:
        measured = measure_track(videos, track, thresholds[track], num_resamples)
        figures |= {f"{track}/{name}": value for name, value in measured.items()}
    figures |= measure_by_category(videos, thresholds["overall"])
    for track in TRACKS:
        figures |= measure_by_method(videos, track)
    for track in STEP_TRACKS:
        figures |= measure_steps(videos, track)
    return figures


def _auc_against_real(
    videos: Sequence[VideoScores], fakes: Sequence[VideoScores], track: str
) -> float:
    reals = [video for video in videos if video.labels[track] == REAL]
    return auc(*labelled_scores([*reals, *fakes], track))
