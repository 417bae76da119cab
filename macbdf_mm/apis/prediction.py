"""What is predicted about one file, as a record for programs and as a sentence for people."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from macbdf_mm.apis.load_model import trained_on_synthetic
from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.evaluation.video_scores import (
    VideoScores,
    none_if_nan,
    steps_to_json,
)
from macbdf_mm.media.probe import MediaInfo
from macbdf_mm.structures.intervals import Interval, merge_intervals
from macbdf_mm.structures.labels import TRACKS
from macbdf_mm.utils.files import write_atomically
from macbdf_mm.utils.tables import printable

SYNTHETIC_WEIGHTS = "these weights were trained on synthetic clips and say nothing about real video"
UNKNOWN_TRAINING = "the checkpoint does not say what these weights were trained on"
ONLY_FACES = (
    "the model reads prepared face crops: a file that shows more than a face has to be cropped "
    "first (tools/prepare_faces.py)"
)
UNFITTED_THRESHOLD = "no threshold was chosen on validation data, so 0.5 is used"

# Headers round, and tracks end a little apart; a file that misses more was cut short.
_MAX_MISSING_SECONDS = 1.0
# In a short file, less than that is much.
_MAX_MISSING_SHARE = 0.1
_MAX_ROUNDING_SECONDS = 0.35
# Windows that should touch miss each other by less.
_MIN_GAP_SECONDS = 0.01

Window = tuple[float, float, float | None, float | None, float | None]


@dataclass(frozen=True)
class Prediction:
    """The scores of one file, or why there are none.

    Attributes:
        file: The path as it was given.
        status: ``ok`` or ``error``.
        error: One sentence, if the status is ``error``.
        scores: P(fake) in [0, 1] of ``overall``, ``video`` and ``audio``; None for a track
            that is not there.
        windows: Start and end in seconds, then the same three scores.
        steps: For ``video`` and ``audio``, a list for each window with P(fake) of its equal
            time steps, None where the track was not seen. Empty from weights without a
            frame-level head.
        thresholds: The score from which each counts as fake.
        verdict: ``fake`` or ``real``, by the overall score; None without one.
        warnings: What to keep in mind when reading the scores.
        unseen_share: Share of the file, in [0, 1], in which neither track was seen: the windows
            that could not be read, what lies between windows, and what is missing of a file that
            was cut short. None for a file that could not be scored.
    """

    file: str
    status: str
    error: str | None
    scores: Mapping[str, float | None]
    windows: Sequence[Window]
    steps: Mapping[str, list[list[float | None]]]
    thresholds: Mapping[str, float]
    verdict: str | None
    warnings: Sequence[str]
    unseen_share: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return the record as the JSON file holds it."""
        return asdict(self) | {
            "windows": [list(window) for window in self.windows],
            "warnings": list(self.warnings),
        }


def failed_prediction(
    file: str, error: str, thresholds: Mapping[str, float], warnings: Sequence[str]
) -> Prediction:
    """Return the prediction for a file that could not be scored."""
    return Prediction(
        file=file,
        status="error",
        error=error,
        scores=dict.fromkeys(TRACKS, None),
        windows=(),
        steps={},
        thresholds=thresholds,
        verdict=None,
        warnings=warnings,
        unseen_share=None,
    )


def predict_video(
    video: VideoScores,
    thresholds: Mapping[str, float],
    warnings: Sequence[str],
    missing_share: float = 0.0,
) -> Prediction:
    """Return the prediction for a file from the scores of its windows.

    Args:
        video: Its aggregated scores.
        thresholds: Decision threshold of each track.
        warnings: Of the weights and the file; gaps in the tracks are added here.
        missing_share: Share of the file that is cut off, so that there are no windows of it.

    Raises:
        UndecodableMediaError: If no window has a score.
    """
    unread = [window.decode_error for window in video.windows if window.decode_error]
    if not video.is_scored:
        raise UndecodableMediaError(
            unread[0]
            if unread
            else f"{video.file}: neither a frame nor a sound could be decoded in any window."
        )
    seen_share = 1 - len(unread) / len(video.windows)
    seen_share *= 1 - _gap_seconds(video) / video.windows[-1].span_seconds[1]
    is_fake = video.scores["overall"] >= thresholds["overall"]
    return Prediction(
        file=video.file,
        status="ok",
        error=None,
        scores={track: none_if_nan(video.scores[track]) for track in TRACKS},
        windows=[_window(window.span_seconds, window.scores) for window in video.windows],
        steps=steps_to_json(video.windows),
        thresholds=thresholds,
        verdict="fake" if is_fake else "real",
        warnings=[*warnings, *_gap_warnings(video, unread)],
        unseen_share=1 - (1 - missing_share) * seen_share,
    )


def flagged_intervals(
    windows: Sequence[Window], threshold: float, track: str = "overall"
) -> list[Interval]:
    """Return where windows score at or above ``threshold``, joined, in seconds.

    Args:
        windows: Start, end and the three scores of each; None where a track was not seen.
        threshold: The score from which a window counts.
        track: Whose score: ``overall``, ``video`` or ``audio``.
    """
    column = TRACKS.index(track)
    return merge_intervals(
        [
            (start, end)
            for start, end, *scores in windows
            if (score := scores[column]) is not None and score >= threshold
        ]
    )


def describe(prediction: Mapping[str, Any]) -> str:
    """Return one line on a prediction: verdict, scores, thresholds, where, warnings.

    Args:
        prediction: As :meth:`Prediction.as_dict` returns it.
    """
    file = prediction["file"]
    warnings = [f"warning: {warning}" for warning in prediction["warnings"]]
    if prediction["status"] == "error":
        # Most errors name the file themselves.
        error = prediction["error"].removeprefix(file).removeprefix(":").strip().rstrip(".")
        return printable(f"{file}: " + "; ".join([f"error: {error}", *warnings]))
    verdict = "FAKE" if prediction["verdict"] == "fake" else "real"
    tracks = [_describe_track(track, prediction) for track in TRACKS]
    return printable(f"{file}: " + "; ".join([verdict, *tracks, *warnings]))


def summarise(predictions: Sequence[Mapping[str, Any]], caveats: Sequence[str]) -> str:
    """Return the last line: how many files got which verdict, and what holds for all."""
    counts = Counter(item["verdict"] or "error" for item in predictions)
    named = (("fake", "fake"), ("real", "real"), ("error", "not scored"))
    parts = [f"{counts[key]} {words}" for key, words in named if counts[key]]
    head = f"{len(predictions)} file{'s' * (len(predictions) != 1)}: {', '.join(parts)}."
    return " ".join([head, *(f"Warning: {caveat}." for caveat in caveats)])


def save_predictions(path: str | Path, predictions: Sequence[Mapping[str, Any]]) -> None:
    """Write predictions as a JSON list; the file is replaced as a whole, never half written."""
    write_atomically(json.dumps(predictions, indent=1, allow_nan=False) + "\n", path)


def weight_caveats(checkpoint: Mapping[str, Any], is_threshold_fitted: bool) -> list[str]:
    """Return what is to be said of all scores that the weights of a checkpoint give."""
    caveats = []
    is_synthetic = trained_on_synthetic(checkpoint)
    if is_synthetic:
        caveats.append(SYNTHETIC_WEIGHTS)
    elif is_synthetic is None:
        caveats.append(UNKNOWN_TRAINING)
    if not is_threshold_fitted:
        caveats.append(UNFITTED_THRESHOLD)
    return caveats


def file_caveats(info: MediaInfo, num_damaged: int = 0) -> list[str]:
    """Return what is to be said of the scores of a file: what of it nobody has looked at.

    Args:
        info: What the file holds.
        num_damaged: Frames and packets of sound that were looked at, and that are damaged.
    """
    caveats = [*info.remarks]
    if missing_seconds(info):
        caveats.insert(
            0, f"the file was cut short, only its first {info.duration_seconds:.1f} s are scored"
        )
    if num_damaged:
        caveats.append(
            f"the file is damaged: decoders report errors in {num_damaged} of the frames and "
            "packets of sound that were looked at"
        )
    return caveats


def missing_seconds(info: MediaInfo) -> float:
    """Return how much of what its header promises a file lacks; 0 if no more than rounding."""
    missing = info.missing_seconds
    share = _MAX_MISSING_SHARE * (info.duration_seconds + missing)
    # Whether the last picture lasts as long as the others, headers do not agree.
    picture = 1.5 / info.fps if info.fps else 0.0
    limit = min(_MAX_MISSING_SECONDS, max(_MAX_ROUNDING_SECONDS, share, picture))
    return missing if missing > limit else 0.0


def _describe_track(track: str, prediction: Mapping[str, Any]) -> str:
    score, threshold = prediction["scores"][track], prediction["thresholds"][track]
    if score is None:
        return f"{track} not seen"
    places = flagged_intervals(prediction["windows"], threshold, track)
    where = ", ".join(f"{start:.1f}-{end:.1f} s" for start, end in places)
    text = f"{track} {score:.2f} (threshold {threshold:.2f}"
    return f"{text}, reached at {where})" if where else f"{text})"


def _window(span: Interval, scores: Sequence[float]) -> Window:
    overall, video, audio = (none_if_nan(score) for score in scores)
    return (*span, overall, video, audio)


def _gap_seconds(video: VideoScores) -> float:
    """Return how much of a file lies between its windows, as with a stride of one's own."""
    spans = [window.span_seconds for window in video.windows]
    gaps = [start - end for (_, end), (start, _) in pairwise(spans)]
    return sum(gap for gap in gaps if gap > _MIN_GAP_SECONDS)


def _gap_warnings(video: VideoScores, unread: Sequence[str]) -> list[str]:
    """Return a sentence for each track that is missing, altogether or in some windows."""
    warnings = []
    if gap_seconds := _gap_seconds(video):
        warnings.append(
            f"{gap_seconds:.1f} of {video.windows[-1].span_seconds[1]:.1f} s lie between the "
            "windows and were not looked at: their stride is longer than they are"
        )
    num_windows = len(video.windows)
    if unread:
        warnings.append(
            f"{len(unread)} of {num_windows} windows ({len(unread) / num_windows:.0%}) were not "
            f"seen: {unread[0].removeprefix(video.file).removeprefix(':').strip().rstrip('.')}"
        )
    for column, track in enumerate(TRACKS[1:], start=1):
        num_gaps = sum(math.isnan(window.scores[column]) for window in video.windows)
        if num_gaps == num_windows:
            warnings.append(f"no {track} could be decoded, so the other track alone is scored")
        elif num_gaps > len(unread):
            warnings.append(f"no {track} in {num_gaps} of {num_windows} windows")
    return warnings
