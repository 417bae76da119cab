"""What calibration and the uncertain band do to the scores and verdicts of a test."""

import math

import numpy as np

from macbdf_mm.evaluation.functional.weighted_clips import Labels, Scores
from macbdf_mm.evaluation.metric_table import METRIC_TABLE
from macbdf_mm.evaluation.score_calibration import ScoreCalibration
from macbdf_mm.evaluation.scored_clips import ScoredClips
from macbdf_mm.reports.tables import Table, percent
from macbdf_mm.structures.labels import FAKE, TRACKS
from macbdf_mm.utils.counted import counted

VERDICTS = ("real", "uncertain", "fake")
# Those that look at scores as probabilities; the others stay, since every map increases.
_METRICS = ("ece", "log_loss", "brier")


def calibration_table(clips: ScoredClips, calibration: ScoreCalibration) -> Table | None:
    """Return a row for each calibrated score: its map, and figures before and after it.

    Args:
        clips: The clips, with raw and calibrated scores.
        calibration: What made the one of the other.

    Returns:
        The table; None if no labelled clip has a calibrated score.
    """
    metrics = [METRIC_TABLE[name] for name in _METRICS]
    rows = []
    for track in TRACKS:
        own, chosen = calibration.maps[track], clips.is_usable(track)
        if own["method"] == "none" or not chosen.any():
            continue
        labels, after = clips.labels[track][chosen], clips.scores[track][chosen]
        raw = np.array([video.uncalibrated[track] for video in clips.videos])[chosen]
        before = np.where(np.isnan(raw), after, raw)
        values = [
            metric.format(metric.value(labels, scores, math.nan))
            for metric in metrics
            for scores in (before, after)
        ]
        fitted_on = f"{own['num_real']} real, {own['num_fake']} fake"
        rows.append((track, own["method"], fitted_on, *values))
    heads = [f"{metric.label} {when}" for metric in metrics for when in ("before", "after")]
    return Table(("score", "map", "validation clips", *heads), rows) if rows else None


def verdict_table(
    labels: Labels, scores: Scores, calibration: ScoreCalibration, threshold: float
) -> Table:
    """Return a row for all, real and fake clips: how they are called, and how often wrongly.

    Args:
        labels: Of N > 0 clips, 1 fake, 0 real, shape (N,).
        scores: Their calibrated overall scores, (N,).
        calibration: With the uncertain band.
        threshold: Of the overall score.
    """
    called = np.array([calibration.verdict(score, threshold) for score in scores])
    is_wrong = np.where(labels == FAKE, called == "real", called == "fake")
    is_decided = called != "uncertain"
    rows = []
    for name, chosen in (("all", labels >= 0), ("real", labels != FAKE), ("fake", labels == FAKE)):
        if chosen.any():
            decided = chosen & is_decided
            rows.append(
                (
                    name,
                    str(int(chosen.sum())),
                    *(percent((called[chosen] == word).mean()) for word in VERDICTS),
                    percent(is_wrong[decided].mean() if decided.any() else math.nan),
                )
            )
    heads = ("called real", "uncertain", "called fake", "wrong of those not uncertain")
    return Table(("clips", "number", *heads), rows)


def verdict_figures(
    labels: Labels, scores: Scores, calibration: ScoreCalibration, threshold: float
) -> dict[str, float]:
    """Return which share of the clips is undecided, and how often the other verdicts are wrong.

    ``uncertain_share`` and ``wrong_of_decided`` (NaN if nothing is decided) of these clips, and
    ``error_bound``, that of the verdicts outside of the band (NaN without one). Arguments as of
    :func:`verdict_table`.
    """
    called = np.array([calibration.verdict(score, threshold) for score in scores])
    is_decided = called != "uncertain"
    is_wrong = (called == "fake") != (labels == FAKE)
    return {
        "uncertain_share": float(1 - is_decided.mean()),
        "wrong_of_decided": float(is_wrong[is_decided].mean()) if is_decided.any() else math.nan,
        "error_bound": math.nan if calibration.band is None else calibration.band.error_bound,
    }


def calibration_notes(calibration: ScoreCalibration) -> list[str]:
    """Return what scores and verdicts rest on, a sentence each."""
    lacking = [track for track in TRACKS if calibration.maps[track]["method"] == "none"]
    if len(lacking) == len(TRACKS):
        return ["The scores were not calibrated, so they need not be probabilities."]
    others = f", but not those of {' and '.join(lacking)}" if lacking else ""
    notes = [f"The scores were calibrated on validation data{others}."]
    if (band := calibration.band) is not None:
        notes.append(
            f"Overall scores from {band.low:.3f} to {band.high:.3f} are uncertain: on validation "
            f"data, {band.num_errors} of {counted(band.num_decided, 'verdict')} outside "
            f"{'was' if band.num_errors == 1 else 'were'} wrong, which bounds their share to "
            f"{band.error_bound:.1%} (confidence {band.confidence:.0%})."
        )
    elif calibration.is_fitted:
        notes.append("No score is uncertain: validation data assure the bound for no band.")
    return notes
