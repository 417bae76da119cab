import numpy as np
import pytest

from macbdf_mm.apis.face_windows import FaceInFile
from macbdf_mm.apis.predict_faces import predict_faces
from macbdf_mm.apis.prediction import Prediction, failed_prediction
from macbdf_mm.structures.face_track import FaceTrack

THRESHOLDS = {"overall": 0.5, "video": 0.5, "audio": 0.5}


def _face(number, start, end, left=0.2):
    boxes = np.array([[left, 0.2, left + 0.1, 0.4], [left + 0.2, 0.2, left + 0.3, 0.4]])
    return FaceInFile(number, FaceTrack(np.array([start, end]), boxes, 0.9), (start, end))


def _scored(overall, verdict, start, end, flagged=()):
    scores = {"overall": overall, "video": overall, "audio": 0.1}
    return Prediction(
        file="a.mp4",
        status="ok",
        error=None,
        scores=scores,
        windows=[(start, end, *scores.values())],
        steps={},
        thresholds=THRESHOLDS,
        verdict=verdict,
        warnings=["no audio in 1 of 2 windows"] if overall < 0.3 else [],
        unseen_share=0.0,
        flagged={"video": list(flagged)},
        false_alarm_bound=0.05,
    )


def test_the_worst_face_counts_and_all_are_there():
    faces = [
        (_face(1, 0.0, 4.0), _scored(0.2, "real", 0.0, 4.0)),
        (_face(2, 2.0, 6.0), _scored(0.9, "fake", 2.0, 6.0, [(2.0, 3.0)])),
    ]
    found = predict_faces(faces, ["careful"], [(0.0, 4.0), (2.0, 6.0)], 8.0)
    assert (found.verdict, found.scores["overall"], found.worst_face) == ("fake", 0.9, 2)
    assert found.windows == faces[1][1].windows
    assert (found.looked_at, found.false_alarm_bound) == ("faces", 0.05)
    assert [face.scores["overall"] for face in found.faces] == [0.2, 0.9]
    assert [face.verdict for face in found.faces] == ["real", "fake"]
    # Nobody has looked at the last two seconds.
    assert found.unseen_share == pytest.approx(0.25)
    assert found.warnings[0] == "careful"
    assert "the highest of the scores of 2 faces counts, that of face 2" in found.warnings[1]
    assert found.warnings[2] == "face 1: no audio in 1 of 2 windows"


def test_a_face_has_its_mean_box_and_that_in_the_middle_of_each_window():
    faces = [(_face(1, 0.0, 4.0), _scored(0.2, "real", 0.0, 2.0))]
    [face] = predict_faces(faces, [], [(0.0, 4.0)], 4.0).faces
    assert face.box == pytest.approx((0.3, 0.2, 0.4, 0.4))
    assert face.boxes == [pytest.approx((0.25, 0.2, 0.35, 0.4))]
    assert (face.span, face.detector_score) == ((0.0, 4.0), 0.9)


def test_one_face_needs_no_name():
    found = predict_faces([(_face(1, 0.0, 4.0), _scored(0.2, "real", 0.0, 4.0))], [], [], 4.0)
    assert found.warnings == ["no audio in 1 of 2 windows"]
    assert found.worst_face == 1


def test_parts_of_another_face_than_the_worst_are_flagged():
    faces = [
        (_face(1, 0.0, 4.0), _scored(0.3, "parts flagged", 0.0, 4.0, [(1.0, 2.0)])),
        (_face(2, 0.0, 4.0), _scored(0.4, "real", 0.0, 4.0, [])),
    ]
    found = predict_faces(faces, [], [(0.0, 4.0)], 4.0)
    assert (found.worst_face, found.verdict) == (2, "parts flagged")
    assert found.flagged == {"video": [(1.0, 2.0)]}


def test_a_face_that_is_not_judged_is_said_and_not_the_worst():
    blank = failed_prediction("a.mp4", "It is frozen throughout.", THRESHOLDS, [])
    blank = type(blank)(**{**vars(blank), "status": "not judged"})
    real = _scored(0.35, "real", 0.0, 4.0)
    found = predict_faces([(_face(1, 0, 4), blank), (_face(2, 0, 4), real)], [], [(0.0, 4.0)], 4.0)
    assert (found.status, found.worst_face) == ("ok", 2)
    assert found.warnings[-1] == "face 1: not judged: It is frozen throughout"
    assert [face.status for face in found.faces] == ["not judged", "ok"]
    alone = predict_faces([(_face(1, 0, 4), blank)], [], [(0.0, 4.0)], 4.0)
    assert (alone.status, alone.worst_face, alone.unseen_share) == ("not judged", None, None)
