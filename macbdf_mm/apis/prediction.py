"""What is predicted about one file: the record that programs read."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from macbdf_mm.structures.intervals import Interval
from macbdf_mm.structures.labels import TRACKS
from macbdf_mm.utils.files import replacing

Window = tuple[float, float, float | None, float | None, float | None]


Box = tuple[float, float, float, float]
"""Left, top, right, bottom as fractions of the upright frame's width and height."""


@dataclass(frozen=True)
class FacePrediction:
    """The scores of one face of a file, with the sound of the same seconds.

    What has no word here is as in :class:`Prediction`; all seconds are those of the file.

    Attributes:
        id: 1 for the face that appears first.
        span: Start and end in seconds of what was cropped and scored.
        box: Mean box of the face.
        boxes: Its box in the middle of each window.
        detector_score: Mean score of the detections, in [0, 1]; None if the detector gives none.
        status: ``ok`` or ``not judged``.
        error: One sentence, unless the status is ``ok``.
        scores: P(fake) of ``overall``, ``video`` (this face) and ``audio``.
        verdict: Of this face.
        windows: Start and end in seconds, then the three scores.
        steps: Of each window.
        intervals: Where this face, or the sound with it, is likely fake.
        flagged: Where windows stand out.
        unusable: What was left out.
        raw_scores: The scores before calibration.
    """

    id: int
    span: Interval
    box: Box
    boxes: Sequence[Box]
    detector_score: float | None
    status: str
    error: str | None
    scores: Mapping[str, float | None]
    verdict: str | None
    windows: Sequence[Window]
    steps: Mapping[str, list[list[float | None]]]
    intervals: Sequence[Mapping[str, Any]] | None
    flagged: Mapping[str, list[Interval]]
    unusable: Mapping[str, Mapping[str, Any]]
    raw_scores: Mapping[str, float | None] | None


@dataclass(frozen=True)
class Prediction:
    """The scores of one file, or why there are none.

    Attributes:
        file: The path as it was given.
        status: ``ok``, ``error``, or ``not judged`` where all is blank, frozen, silent or
            incomplete, or there is neither a face nor sound.
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
        unusable: For each track of which windows were left out as blank, frozen, silent,
            incomplete or without a face: ``num_windows``, ``share`` of all windows, ``reasons`` and
            ``intervals`` in seconds.
        warnings: What to keep in mind when reading the scores.
        unseen_share: Share of the file, in [0, 1], in which neither track was seen: the windows
            that could not be read, what lies between windows, what is missing of a file that
            was cut short, and where faces are scored, the time without one. None for a file that
            could not be scored.
        raw_scores: The scores before calibration, None if they were not calibrated.
        uncertain_band: ``low`` and ``high`` of the band, and what is known of the share of wrong
            verdicts outside, see
            :class:`~macbdf_mm.evaluation.functional.uncertain_band.UncertainBand`; None without.
        looked_at: What of the pictures was scored: ``faces``, ``whole frames``, or ``no face``
            where faces were looked for and none was found, so that the sound alone is scored. None
            for a file without pictures, or that could not be read.
        faces: The scores of each face, by the time at which it appears; empty unless ``faces``
            were looked at. ``scores``, ``windows``, ``steps``, ``intervals`` and ``unusable`` of
            the file are those of the worst.
        worst_face: The ``id`` of the face with the highest overall score; None without faces.
        cuts: Where one shot ends and the next begins, in seconds. No window of a face contains one.
        cut_windows: Positions of the ``windows`` that contain a cut.
        settings: Digest of the weights, config and options by which it was scored; None where no
            run stands behind it that could go on with it.
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
    looked_at: str | None = None
    faces: Sequence[FacePrediction] = ()
    worst_face: int | None = None
    cuts: Sequence[float] = ()
    cut_windows: Sequence[int] = ()
    media: Mapping[str, Any] | None = None
    model: Mapping[str, Any] | None = None
    settings: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the record as the JSON file holds it."""
        record = asdict(self)
        for part in (record, *record["faces"]):
            for name, value in part.items():
                part[name] = list(value) if isinstance(value, tuple) else value
            part["windows"] = [list(window) for window in part["windows"]]
        for face in record["faces"]:
            face["boxes"] = [list(box) for box in face["boxes"]]
        return record

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Prediction":
        """Return the record that :meth:`to_json` gave, as from a file of results."""
        faces = [FacePrediction(**face) for face in record.get("faces", ())]
        return cls(**{**record, "faces": faces})


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


def save_predictions(path: str | Path, predictions: Iterable[Mapping[str, Any]]) -> None:
    """Write predictions as a JSON list; the file is replaced as a whole, never half written.

    One prediction at a time is in memory: there may be a million of them.
    """
    with replacing(path) as unfinished, unfinished.open("w", encoding="utf-8") as file:
        separator = "[\n "
        for prediction in predictions:
            text = json.dumps(prediction, indent=1, allow_nan=False)
            file.write(separator + text.replace("\n", "\n "))
            separator = ",\n "
        file.write("[]\n" if separator.startswith("[") else "\n]\n")


def json_line(prediction: Mapping[str, Any]) -> bytes:
    """Return a prediction as a line of JSON; odd bytes of a file name as JSON states them."""
    text = json.dumps(prediction, allow_nan=False)
    return f"{text}\n".encode()
