"""Pictures of how far scores are probabilities, and of what is left undecided."""

from collections.abc import Mapping
from functools import partial

from macbdf_mm.evaluation.score_file import ScoreSet
from macbdf_mm.evaluation.scored_clips import ScoredClips
from macbdf_mm.evaluation.track_reliability import TrackReliability
from macbdf_mm.reports.figures.reliability import draw_reliability
from macbdf_mm.reports.figures.risk_coverage import draw_risk_coverage
from macbdf_mm.reports.page import Picture


def score_pictures(
    clips: ScoredClips, scores: ScoreSet, reliability: Mapping[str, TrackReliability]
) -> dict[str, Picture]:
    """Return ``reliability`` and ``risk_coverage``; nothing if no labelled clip has a score.

    Args:
        clips: The clips that are measured.
        scores: Thresholds and calibration are taken from it.
        reliability: Of the same clips.
    """
    if not reliability:
        return {}
    said = "; ".join(
        f"{track} {own.error:.3f} (by chance {own.chance_error:.3f}"
        + (f", before calibration {own.raw_error:.3f})" if own.raw_error is not None else ")")
        for track, own in reliability.items()
    )
    return {
        "reliability": Picture(
            partial(draw_reliability, reliability),
            f"Share of fakes by score. Calibration errors: {said}.",
        ),
        "risk_coverage": Picture(
            partial(draw_risk_coverage, clips, scores.thresholds, scores.calibration.band),
            "Share of wrong verdicts by the share of clips that are decided.",
        ),
    }
