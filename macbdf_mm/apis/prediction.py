"""What is predicted about one file, as a record for programs and as a sentence for people."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from macbdf_mm.structures.intervals import Interval, merge_intervals

OBJECTIVES = ("overall", "video", "audio")

SYNTHETIC_WARNING = "these weights were trained on synthetic clips and say nothing about real video"

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
        thresholds: The score from which each counts as fake.
        verdict: ``fake`` or ``real``, by the overall score; None without one.
        warnings: What to keep in mind when reading the scores.
    """

    file: str
    status: str = "ok"
    error: str | None = None
    scores: Mapping[str, float | None] = field(
        default_factory=lambda: dict.fromkeys(OBJECTIVES, None)
    )
    windows: Sequence[Window] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)
    verdict: str | None = None
    warnings: Sequence[str] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the record as the JSON file holds it."""
        record = asdict(self)
        record["windows"] = [list(window) for window in self.windows]
        record["warnings"] = list(self.warnings)
        return record


def or_none(value: float) -> float | None:
    """Return ``value``, or None if it is NaN: JSON knows no NaN."""
    return None if math.isnan(value) else float(value)


def flagged(prediction: Mapping[str, Any], objective: str) -> list[Interval]:
    """Return where windows score at or above the threshold of ``objective``, joined, seconds."""
    column = 2 + OBJECTIVES.index(objective)
    threshold = prediction["thresholds"][objective]
    return merge_intervals(
        [
            (window[0], window[1])
            for window in prediction["windows"]
            if window[column] is not None and window[column] >= threshold
        ]
    )


def describe(prediction: Mapping[str, Any]) -> str:
    """Return one line on a prediction: verdict, score, threshold, tracks, place, warnings."""
    name = prediction["file"]
    if prediction["status"] == "error":
        return f"{name}: error: {prediction['error']}"
    scores, thresholds = prediction["scores"], prediction["thresholds"]
    verdict = prediction["verdict"] or "no verdict"
    parts = [
        f"{name}: {verdict.upper() if verdict == 'fake' else verdict}, "
        f"{_score('overall', scores)} (threshold {thresholds['overall']:.2f})"
    ]
    parts += [_track(track, prediction) for track in ("video", "audio")]
    places = flagged(prediction, "overall")
    if places:
        parts.append(f"above the threshold at {_spans(places)}")
    parts += [f"warning: {warning}" for warning in prediction["warnings"]]
    return "; ".join(parts)


def _track(track: str, prediction: Mapping[str, Any]) -> str:
    if prediction["scores"][track] is None:
        return f"{track} not seen"
    threshold = prediction["thresholds"][track]
    places = flagged(prediction, track)
    where = f", at {_spans(places)}" if places else ""
    return f"{_score(track, prediction['scores'])} (threshold {threshold:.2f}{where})"


def _score(objective: str, scores: Mapping[str, float | None]) -> str:
    value = scores[objective]
    return f"{objective} -" if value is None else f"{objective} {value:.2f}"


def _spans(intervals: Sequence[Interval]) -> str:
    return ", ".join(f"{start:.1f}-{end:.1f} s" for start, end in intervals)
