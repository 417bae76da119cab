"""From the scores of a file's windows to what is predicted about it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from macbdf_mm.apis.prediction import Prediction, Window, failed_prediction
from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.evaluation.functional.localisation.proposals import ProposalSettings
from macbdf_mm.evaluation.functional.real_windows import RealWindows
from macbdf_mm.evaluation.localisation import propose_intervals
from macbdf_mm.evaluation.score_calibration import ScoreCalibration
from macbdf_mm.evaluation.video_scores import SCORE_DIGITS, VideoScores, none_if_nan, steps_to_json
from macbdf_mm.structures.intervals import Interval, merge_intervals
from macbdf_mm.structures.labels import TRACKS

FALSE_ALARM_BOUND = 0.05
"""Of a real file of any length, that one or more windows of any track are flagged."""

# Windows that should touch miss each other by less.
_MIN_GAP_SECONDS = 0.01


def predict_video(
    video: VideoScores,
    thresholds: Mapping[str, float],
    warnings: Sequence[str],
    missing_share: float = 0.0,
    real_windows: Mapping[str, RealWindows] | None = None,
    proposals: Mapping[str, ProposalSettings] | None = None,
    calibration: ScoreCalibration | None = None,
    num_faces: int = 1,
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
        num_faces: How many faces of the file are scored each, of which this is one: the bound on
            false alarms is for all of them together.

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
    bound = FALSE_ALARM_BOUND / num_faces
    flagged = {} if real_windows is None else _flagged(video, real_windows, bound)
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


def _flagged(
    video: VideoScores, real_windows: Mapping[str, RealWindows], bound: float
) -> dict[str, list[Interval]]:
    """Return by track where windows stand out, at a third of the bound for each track."""
    flagged = {}
    for column, track in enumerate(TRACKS):
        scores = [window.scores[column] for window in video.windows]
        is_flagged = real_windows[track].flagged(scores, bound / len(TRACKS))
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
