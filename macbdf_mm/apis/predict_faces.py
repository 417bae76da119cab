"""From the scores of each face of a file to what is predicted about the file."""

import math
from collections.abc import Sequence
from dataclasses import replace

from macbdf_mm.apis.face_windows import FaceInFile
from macbdf_mm.apis.prediction import Box, FacePrediction, Prediction
from macbdf_mm.structures.face_track import FaceTrack
from macbdf_mm.structures.intervals import Interval, merge_intervals, overlap_seconds
from macbdf_mm.structures.labels import TRACKS
from macbdf_mm.utils.counted import counted

_BOX_DIGITS = 4


def predict_faces(
    faces: Sequence[tuple[FaceInFile, Prediction]],
    warnings: Sequence[str],
    seen: Sequence[Interval],
    total_seconds: float,
) -> Prediction:
    """Return the prediction for a file: that of its worst face, with all of them.

    Args:
        faces: At least one, each with its own prediction, without warnings of weights and file.
        warnings: Of the weights and the file.
        seen: The windows that were read, of any face.
        total_seconds: Length of the file, with what is missing of it.
    """
    face, worst = max(faces, key=lambda pair: _overall(pair[1]))
    flagged = {
        track: merge_intervals([span for _, one in faces for span in one.flagged.get(track, ())])
        for track in TRACKS
        if any(track in one.flagged for _, one in faces)
    }
    verdict = worst.verdict
    if verdict is not None and _overall(worst) < worst.thresholds["overall"]:
        verdict = "parts flagged" if any(flagged.values()) else verdict
    said = [*warnings]
    if len(faces) > 1:
        said.append(
            f"the highest of the scores of {counted(len(faces), 'face')} counts, that of face "
            f"{face.id}: the more faces, the more often one of a real file is above the threshold"
        )
    for one, prediction in faces:
        name = f"face {one.id}: " if len(faces) > 1 else ""
        said += [f"{name}{warning}" for warning in prediction.warnings]
        if prediction.status != "ok" and len(faces) > 1:
            said.append(f"{name}{prediction.status}: {(prediction.error or '').rstrip('.')}")
    covered = sum(overlap_seconds(span, (0.0, total_seconds)) for span in merge_intervals(seen))
    return replace(
        worst,
        verdict=verdict,
        flagged=flagged,
        warnings=said,
        unseen_share=None if worst.status != "ok" else max(0.0, 1 - covered / total_seconds),
        looked_at="faces",
        faces=[_face_prediction(one, prediction) for one, prediction in faces],
        worst_face=face.id if worst.status == "ok" else None,
    )


def _overall(prediction: Prediction) -> float:
    score = prediction.scores["overall"]
    return -math.inf if score is None else score


def _face_prediction(face: FaceInFile, prediction: Prediction) -> FacePrediction:
    track = face.track
    left, top, right, bottom = track.boxes.mean(axis=0).round(_BOX_DIGITS).tolist()
    return FacePrediction(
        id=face.id,
        span=face.span_seconds,
        box=(left, top, right, bottom),
        boxes=_boxes_of_windows(track, [(start, end) for start, end, *_ in prediction.windows]),
        detector_score=track.score,
        status=prediction.status,
        error=prediction.error,
        scores=prediction.scores,
        verdict=prediction.verdict,
        windows=prediction.windows,
        steps=prediction.steps,
        intervals=prediction.intervals,
        flagged=prediction.flagged,
        unusable=prediction.unusable,
        raw_scores=prediction.raw_scores,
    )


def _boxes_of_windows(track: FaceTrack, spans: Sequence[Interval]) -> list[Box]:
    """Return the box of a face in the middle of each window."""
    if not spans:
        return []
    boxes, _ = track.boxes_at([(start + end) / 2 for start, end in spans])
    return [(box[0], box[1], box[2], box[3]) for box in boxes.round(_BOX_DIGITS).tolist()]
