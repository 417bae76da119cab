"""What is predicted about one file, as a record for programs and as a sentence for people."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from macbdf_mm.apis.load_model import trained_on_synthetic
from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.evaluation.functional.localisation.proposals import ProposalSettings
from macbdf_mm.evaluation.functional.real_windows import RealWindows
from macbdf_mm.evaluation.localisation import propose_intervals
from macbdf_mm.evaluation.score_calibration import ScoreCalibration
from macbdf_mm.evaluation.video_scores import (
    SCORE_DIGITS,
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
    "first (`macbdf faces`)"
)
UNFITTED_THRESHOLD = "no threshold was chosen on validation data, so 0.5 is used"
UNFITTED_WINDOWS = (
    "how real windows score was not learnt on validation data, so scores of long and short files "
    "do not compare, and no parts are flagged"
)
NO_FRAME_HEAD = "the weights have no frame-level head, so forgeries are not located in time"
UNCALIBRATED = (
    "scores were not calibrated on validation data, so they rank files but are no probabilities"
)
NO_BAND = (
    "no file is called uncertain: the validation data bound the share of wrong verdicts outside "
    "of no band of scores"
)
FALSE_ALARM_BOUND = 0.05
"""Of a real file of any length, that one or more windows of any track are flagged."""

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
        status: ``ok``, ``error``, or ``not judged`` where all is blank, frozen, silent or
            incomplete.
        error: One sentence, unless the status is ``ok``.
        scores: P(fake) in [0, 1] of ``overall``, ``video`` and ``audio``, calibrated on
            validation data if the checkpoint has that; None for a track that is not there.
        windows: Start and end in seconds, then the same three scores, on the same scale.
        steps: For ``video`` and ``audio``, a list for each window with P(fake) of its equal
            time steps, not calibrated, None where the track was not seen. Empty from weights
            without a frame-level head.
        intervals: Where the file is likely fake: dicts with ``track``, ``start`` and ``end`` in
            seconds and ``score`` in [0, 1], for each track best first. None from weights without a
            frame-level head. Nothing is proposed where a track was not seen. Real files have
            intervals too, of low scores.
        thresholds: The score from which each counts as fake.
        verdict: By the overall score ``fake``, ``uncertain`` (inside the uncertain band) or
            ``real``; ``parts flagged`` if it is below the threshold, but windows stand out. None
            without an overall score.
        flagged: For each track, intervals in seconds whose windows stand out from those of real
            files. Of a real file of any length there is one with a probability of at most
            ``false_alarm_bound``; where that is None, nothing is known of real windows.
        unusable: For each track of which windows were left out as blank, frozen, silent or
            incomplete: ``num_windows``, ``share`` of all windows, ``reasons`` and ``intervals`` in
            seconds.
        warnings: What to keep in mind when reading the scores.
        unseen_share: Share of the file, in [0, 1], in which neither track was seen: the windows
            that could not be read, what lies between windows, and what is missing of a file that
            was cut short. None for a file that could not be scored.
        raw_scores: The scores before calibration, None if they were not calibrated.
        uncertain_band: ``low`` and ``high`` of the band, and what is known of the share of wrong
            verdicts outside, see
            :class:`~macbdf_mm.evaluation.functional.uncertain_band.UncertainBand`; None without.
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
    flagged: Mapping[str, list[Interval]] = field(default_factory=dict)
    false_alarm_bound: float | None = None
    unusable: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    intervals: Sequence[Mapping[str, Any]] | None = None
    raw_scores: Mapping[str, float | None] | None = None
    uncertain_band: Mapping[str, Any] | None = None

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
    real_windows: Mapping[str, RealWindows] | None = None,
    proposals: Mapping[str, ProposalSettings] | None = None,
    calibration: ScoreCalibration | None = None,
) -> Prediction:
    """Return the prediction for a file from the scores of its windows.

    Args:
        video: Its aggregated scores.
        thresholds: Decision threshold of each track.
        warnings: Of the weights and the file; gaps in the tracks are added here.
        missing_share: Share of the file that is cut off, so that there are no windows of it.
        real_windows: By track, how the scores of real windows are distributed; None if that is
            not known, and no windows can be flagged.
        proposals: By track, how step scores become intervals; the defaults where it says nothing.
        calibration: Of the checkpoint, as it made the scores of the video.

    Raises:
        UndecodableMediaError: If no window has a score, and not because all are unusable.
    """
    unread = [window.decode_error for window in video.windows if window.decode_error]
    if not video.is_scored and not unread and any(window.unusable for window in video.windows):
        failure = failed_prediction(video.file, f"{video.problem}.", thresholds, warnings)
        return replace(failure, status="not judged", unusable=_unusable(video))
    if not video.is_scored:
        raise UndecodableMediaError(
            unread[0]
            if unread
            else f"{video.file}: neither a frame nor a sound could be decoded in any window."
        )
    seen_share = 1 - len(unread) / len(video.windows)
    seen_share *= 1 - _gap_seconds(video) / video.windows[-1].span_seconds[1]
    flagged = {} if real_windows is None else _flagged(video, real_windows)
    calibration = calibration or ScoreCalibration.none()
    score, threshold = video.scores["overall"], thresholds["overall"]
    verdict: str = calibration.verdict(score, threshold)
    if score < threshold:
        verdict = "parts flagged" if any(flagged.values()) else verdict
        reached = [track for track in TRACKS[1:] if video.scores[track] >= thresholds[track]]
        if verdict == "real" and reached:
            warnings = [
                *warnings,
                f"the {' and the '.join(reached)} by itself would count as fake, the file as a "
                "whole does not",
            ]
    return Prediction(
        file=video.file,
        status="ok",
        error=None,
        scores={track: none_if_nan(video.scores[track]) for track in TRACKS},
        windows=[
            _window((start, end), scores)
            for start, end, *scores in calibration.windows(video).tolist()
        ],
        steps=steps_to_json(video.windows),
        thresholds=thresholds,
        verdict=verdict,
        warnings=[*warnings, *_gap_warnings(video, unread)],
        unseen_share=1 - (1 - missing_share) * seen_share,
        flagged=flagged,
        false_alarm_bound=None if real_windows is None else FALSE_ALARM_BOUND,
        unusable=_unusable(video),
        intervals=_intervals(video, proposals or {}),
        raw_scores=video.raw_scores and {t: none_if_nan(video.raw_scores[t]) for t in TRACKS},
        uncertain_band=None if calibration.band is None else calibration.band.to_json(),
    )


def describe(prediction: Mapping[str, Any]) -> str:
    """Return one line on a prediction: verdict, scores, thresholds, where, warnings.

    Args:
        prediction: As :meth:`Prediction.as_dict` returns it.
    """
    file = prediction["file"]
    warnings = [f"warning: {warning}" for warning in prediction["warnings"]]
    if prediction["status"] != "ok":
        # Most errors name the file themselves.
        error = prediction["error"].removeprefix(file).removeprefix(":").strip().rstrip(".")
        text = f"{prediction['status']}: {error}"
        return printable(f"{file}: " + "; ".join([text, *warnings]))
    verdict = prediction["verdict"]
    verdict = verdict if verdict == "real" else verdict.upper()
    if prediction["verdict"] == "parts flagged":
        bound = prediction["false_alarm_bound"]
        verdict += f" (in {bound:.0%} of real files at most), as a whole below the threshold"
    if prediction["verdict"] == "uncertain":
        band = prediction["uncertain_band"]
        verdict += (
            f" (overall from {band['low']:.2f} to {band['high']:.2f}; outside, at most "
            f"{band['error_bound']:.0%} of verdicts are wrong on data like the validation set)"
        )
    tracks = [_describe_track(track, prediction) for track in TRACKS]
    if where := _describe_best(prediction):
        tracks.append(where)
    unusable = [_describe_unusable(*item) for item in prediction["unusable"].items()]
    return printable(f"{file}: " + "; ".join([verdict, *tracks, *unusable, *warnings]))


def summarise(predictions: Sequence[Mapping[str, Any]], caveats: Sequence[str]) -> str:
    """Return the last line: how many files got which verdict, and what holds for all."""
    counts = Counter(item["verdict"] or item["status"] for item in predictions)
    named = (
        ("fake", "fake"),
        ("parts flagged", "with parts flagged"),
        ("uncertain", "uncertain"),
        ("real", "real"),
        ("not judged", "not judged"),
        ("error", "not scored"),
    )
    parts = [f"{counts[key]} {words}" for key, words in named if counts[key]]
    head = f"{len(predictions)} file{'s' * (len(predictions) != 1)}: {', '.join(parts)}."
    return " ".join([head, *(f"Warning: {caveat}." for caveat in caveats)])


def save_predictions(path: str | Path, predictions: Sequence[Mapping[str, Any]]) -> None:
    """Write predictions as a JSON list; the file is replaced as a whole, never half written."""
    write_atomically(json.dumps(predictions, indent=1, allow_nan=False) + "\n", path)


def weight_caveats(
    checkpoint: Mapping[str, Any],
    is_threshold_fitted: bool,
    are_windows_known: bool,
    calibration: ScoreCalibration,
) -> list[str]:
    """Return what is to be said of all scores that the weights of a checkpoint give."""
    caveats = []
    is_synthetic = trained_on_synthetic(checkpoint)
    if is_synthetic:
        caveats.append(SYNTHETIC_WEIGHTS)
    elif is_synthetic is None:
        caveats.append(UNKNOWN_TRAINING)
    if not is_threshold_fitted:
        caveats.append(UNFITTED_THRESHOLD)
    if not are_windows_known:
        caveats.append(UNFITTED_WINDOWS)
    if not calibration.is_fitted:
        caveats.append(UNCALIBRATED)
    elif calibration.band is None:
        caveats.append(NO_BAND)
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
    text = f"{track} {score:.2f} (threshold {threshold:.2f}"
    places = prediction["flagged"].get(track)
    return f"{text}, stands out at {_seconds(places)})" if places else f"{text})"


def _describe_best(prediction: Mapping[str, Any]) -> str | None:
    """Return which interval of a track is the best; None where nothing is called fake."""
    found = prediction["intervals"] or []
    best = max(
        (item for item in found if item["track"] != "overall"),
        key=lambda item: item["score"],
        default=None,
    )
    if best is None or prediction["verdict"] == "real":
        return None
    span = _seconds([(best["start"], best["end"])])
    return f"most likely forged: {best['track']} at {span} (score {best['score']:.2f})"


def _intervals(
    video: VideoScores, settings: Mapping[str, ProposalSettings]
) -> list[dict[str, Any]] | None:
    """Return the proposals of all tracks; None without step scores."""
    found = propose_intervals([video], settings)
    if not found:
        return None
    return [
        {"track": track, "start": start, "end": end, "score": round(score, SCORE_DIGITS)}
        for track, proposals in found.items()
        for start, end, score in proposals.to_rows()[0].round(6).tolist()
    ]


def _describe_unusable(track: str, found: Mapping[str, Any]) -> str:
    return (
        f"{track} left out as {' or '.join(found['reasons'])} in {found['num_windows']} windows "
        f"({found['share']:.0%}) at {_seconds(found['intervals'])}"
    )


def _seconds(intervals: Sequence[Interval]) -> str:
    return ", ".join(f"{start:.1f}-{end:.1f} s" for start, end in intervals)


def _flagged(
    video: VideoScores, real_windows: Mapping[str, RealWindows]
) -> dict[str, list[Interval]]:
    """Return by track where windows stand out, at a third of the bound for each track."""
    flagged = {}
    for column, track in enumerate(TRACKS):
        scores = [window.scores[column] for window in video.windows]
        is_flagged = real_windows[track].flagged(scores, FALSE_ALARM_BOUND / len(TRACKS))
        spans = [window.span_seconds for window in video.windows]
        flagged[track] = merge_intervals(
            [s for s, out in zip(spans, is_flagged, strict=True) if out]
        )
    return flagged


def _unusable(video: VideoScores) -> dict[str, dict[str, Any]]:
    """Return what was left out of each track, see :class:`Prediction`."""
    found = {}
    for track in TRACKS[1:]:
        windows = [window for window in video.windows if track in window.unusable]
        if windows:
            found[track] = {
                "num_windows": len(windows),
                "share": len(windows) / len(video.windows),
                "reasons": sorted({window.unusable[track] for window in windows}),
                "intervals": merge_intervals([window.span_seconds for window in windows]),
            }
    return found


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
        num_unusable = sum(track in window.unusable for window in video.windows)
        num_gaps = sum(math.isnan(window.scores[column]) for window in video.windows) - num_unusable
        if num_unusable and num_gaps + num_unusable == num_windows:
            reasons = sorted({w.unusable[track] for w in video.windows if track in w.unusable})
            warnings.append(
                f"the {track} is not judged, for it is {' or '.join(reasons)} wherever it is seen, "
                "so the other track alone is scored"
            )
        elif num_gaps == num_windows:
            warnings.append(f"no {track} could be decoded, so the other track alone is scored")
        elif num_gaps > len(unread):
            warnings.append(f"no {track} in {num_gaps} of {num_windows} windows")
    return warnings
