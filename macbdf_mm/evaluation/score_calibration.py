"""What makes probabilities and verdicts of a detector's scores, fitted on validation clips."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from macbdf_mm.evaluation.functional.calibration import (
    MAX_KNOTS,
    METHODS,
    Calibration,
    apply_calibration,
    fit_calibration,
)
from macbdf_mm.evaluation.functional.probabilities import log_odds
from macbdf_mm.evaluation.functional.uncertain_band import (
    UncertainBand,
    Verdict,
    fit_uncertain_band,
)
from macbdf_mm.evaluation.functional.weighted_clips import Floats, Scores
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.structures.labels import FAKE, REAL, TRACKS

MIN_CLIPS = 10
"""Validation clips of each class from which scores are calibrated."""

NUM_MAP_VALUES = 6 + 2 * MAX_KNOTS
"""Numbers that a map takes in a checkpoint, of any method."""
NUM_BAND_VALUES = 8
# A place in an array, so in checkpoints: new ones are added at the end.
_CODES = ("none", *METHODS)
_PARAMETERS = {"temperature": ("temperature",), "platt": ("slope", "bias"), "isotonic": ("center",)}
_UNFITTED: Calibration = {"method": "none", "num_real": 0, "num_fake": 0}


@dataclass(frozen=True)
class ScoreCalibration:
    """A map from scores to probabilities for each track, and the uncertain band of the overall one.

    What is calibrated is the score of a file, which is what is read and decided by. The maps
    increase, and a file of one window has the score of the window, so the same maps put windows on
    the scale of the file. Time steps have a head of their own and stay as they are.

    Attributes:
        maps: A map by track; its method ``'none'`` leaves scores as they are.
        band: Overall scores that are called uncertain; None if the verdict is real or fake alone.
    """

    maps: Mapping[str, Calibration]
    band: UncertainBand | None = None

    @classmethod
    def none(cls) -> "ScoreCalibration":
        """Return the one that changes nothing."""
        return cls(dict.fromkeys(TRACKS, _UNFITTED))

    @classmethod
    def fit(
        cls,
        videos: Sequence[VideoScores],
        method: str = "auto",
        earlier: "ScoreCalibration | None" = None,
    ) -> "ScoreCalibration":
        """Return maps that are fitted to validation videos, without a new band.

        Args:
            videos: Their raw scores are taken, calibrated or not.
            method: As of :func:`~macbdf_mm.evaluation.functional.calibration.fit_calibration`.
            earlier: Its map stays for a track of which a class is missing, as its threshold does,
                and so does its band. With fewer than ten clips of a class there is no map.

        Raises:
            ValueError: If there is no such method.
        """
        earlier = earlier or cls.none()
        maps = {}
        for track in TRACKS:
            labels = np.array([video.labels[track] for video in videos], dtype=np.int64)
            scores = np.array([video.uncalibrated[track] for video in videos], dtype=np.float64)
            known = np.isin(labels, (REAL, FAKE)) & ~np.isnan(scores)
            counts = {
                "num_real": int((labels[known] == REAL).sum()),
                "num_fake": int((labels[known] == FAKE).sum()),
            }
            scarcer = min(counts.values())
            if scarcer >= MIN_CLIPS:
                maps[track] = fit_calibration(labels[known], log_odds(scores[known]), method)
            elif scarcer or earlier.maps[track]["method"] == "none":
                maps[track] = {"method": "none", **counts}
            else:
                maps[track] = earlier.maps[track]
        return cls(maps, earlier.band if maps["overall"] is earlier.maps["overall"] else None)

    def with_band(
        self, videos: Sequence[VideoScores], threshold: float, max_error: float
    ) -> "ScoreCalibration":
        """Return the same maps with the band of scores outside of which errors are bounded.

        There is none if the overall score is not calibrated, or if the videos do not assure such a
        bound for any band.

        Args:
            videos: Validation videos with calibrated scores.
            threshold: Of the overall score.
            max_error: See
                :func:`~macbdf_mm.evaluation.functional.uncertain_band.fit_uncertain_band`.
        """
        if not self.is_fitted:
            return replace(self, band=None)
        labels = np.array([video.labels["overall"] for video in videos], dtype=np.int64)
        scores = np.array([video.scores["overall"] for video in videos], dtype=np.float64)
        known = np.isin(labels, (REAL, FAKE)) & ~np.isnan(scores)
        band = fit_uncertain_band(labels[known], scores[known], threshold, max_error=max_error)
        return replace(self, band=band if band.num_decided else None)

    @property
    def is_fitted(self) -> bool:
        """Whether the overall score is calibrated."""
        return bool(self.maps["overall"]["method"] != "none")

    @property
    def absence(self) -> str | None:
        """Which tracks are not calibrated and why, None if all are."""
        lacking = [track for track in TRACKS if self.maps[track]["method"] == "none"]
        if not lacking:
            return None
        counts = [
            f"{track} has {self.maps[track]['num_real']} real and "
            f"{self.maps[track]['num_fake']} fake"
            for track in lacking
        ]
        return (
            f"No calibration of the scores of {', '.join(lacking)}: it takes {MIN_CLIPS} scored "
            f"validation clips of each class, and {'; '.join(counts)}."
        )

    def scores(self, track: str, raw: Any) -> Scores:
        """Return calibrated P(fake) of raw scores of any shape, NaN where it is NaN."""
        raw = np.asarray(raw, dtype=np.float64)
        method = self.maps[track]
        return raw if method["method"] == "none" else apply_calibration(method, log_odds(raw))

    def apply(self, videos: Sequence[VideoScores]) -> list[VideoScores]:
        """Return videos with calibrated scores, which keep the raw ones; windows stay raw."""
        if all(found["method"] == "none" for found in self.maps.values()):
            return list(videos)
        columns = {
            track: self.scores(track, [video.uncalibrated[track] for video in videos]).tolist()
            for track in TRACKS
        }
        return [
            replace(
                video,
                scores={track: columns[track][place] for track in TRACKS},
                raw_scores=video.uncalibrated,
            )
            for place, video in enumerate(videos)
        ]

    def windows(self, video: VideoScores) -> Floats:
        """Return start, end and the three calibrated scores of each window, (N, 5)."""
        rows = np.array([[*w.span_seconds, *w.scores] for w in video.windows], dtype=np.float64)
        rows = rows.reshape(-1, 2 + len(TRACKS))
        for column, track in enumerate(TRACKS, start=2):
            rows[:, column] = self.scores(track, rows[:, column])
        return rows

    def verdict(self, score: float, threshold: float) -> Verdict:
        """Return what is said of an overall score.

        Args:
            score: Calibrated P(fake).
            threshold: Of the overall score; a score of at least that is fake, outside a band.
        """
        if self.band is not None and self.band.low < self.band.high:
            return self.band.verdict(score)
        return "fake" if score >= threshold else "real"

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "maps": {track: dict(self.maps[track]) for track in TRACKS},
            "band": None if self.band is None else self.band.to_json(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any] | None) -> "ScoreCalibration":
        """Return the calibration of plain values; that which changes nothing for None."""
        if values is None:
            return cls.none()
        maps = {track: dict(values["maps"][track]) for track in TRACKS}
        band = values["band"]
        return cls(maps, None if band is None else UncertainBand.from_json(band))

    @property
    def map_values(self) -> Floats:
        """The maps as numbers for a checkpoint, (3, 518); all zero if nothing was fitted."""
        return np.stack([_map_to_values(self.maps[track]) for track in TRACKS])

    @property
    def band_values(self) -> Floats:
        """The band as numbers, (8,); all zero if there is none."""
        if self.band is None:
            return np.zeros(NUM_BAND_VALUES)
        values = [math.nan if v is None else float(v) for v in self.band.to_json().values()]
        return np.array(values)

    @classmethod
    def from_values(cls, map_values: Any, band_values: Any) -> "ScoreCalibration":
        """Return the calibration of :attr:`map_values` and :attr:`band_values`."""
        rows = np.asarray(map_values, dtype=np.float64)
        maps = {t: _map_from_values(row) for t, row in zip(TRACKS, rows, strict=True)}
        low, high, max_error, confidence, bound, *counts = map(float, band_values)
        if not any((low, high)):
            return cls(maps)
        return cls(maps, UncertainBand(low, high, max_error, confidence, bound, *map(int, counts)))


def _map_to_values(found: Calibration) -> Floats:
    values = np.zeros(NUM_MAP_VALUES)
    method = found["method"]
    knots = found.get("logits", ())
    values[:3] = _CODES.index(method), found["num_real"], found["num_fake"]
    for place, name in enumerate(_PARAMETERS.get(method, ()), start=3):
        values[place] = found[name]
    values[5] = len(knots)
    values[6 : 6 + len(knots)] = knots
    values[6 + MAX_KNOTS : 6 + MAX_KNOTS + len(knots)] = found.get("calibrated_logits", ())
    return values


def _map_from_values(values: Floats) -> Calibration:
    code, num_real, num_fake, *_ = map(int, values[:3])
    method, num_knots = _CODES[code], int(values[5])
    found: Calibration = {"method": method, "num_real": num_real, "num_fake": num_fake}
    for place, name in enumerate(_PARAMETERS.get(method, ()), start=3):
        found[name] = float(values[place])
    if method == "isotonic":
        found["logits"] = values[6 : 6 + num_knots].tolist()
        start = 6 + MAX_KNOTS
        found["calibrated_logits"] = values[start : start + num_knots].tolist()
    return found
