import dataclasses
import json

import pytest

from macbdf_mm.apis.prediction import (
    FacePrediction,
    Prediction,
    failed_prediction,
    save_predictions,
)

THRESHOLDS = {"overall": 0.5, "video": 0.4, "audio": 0.6}


def test_a_file_without_scores_says_why():
    record = failed_prediction("a.mp4", "It is empty.", THRESHOLDS, ["careful"]).to_json()
    assert (record["file"], record["status"], record["error"]) == ("a.mp4", "error", "It is empty.")
    assert record["scores"] == dict.fromkeys(THRESHOLDS)
    assert (record["verdict"], record["unseen_share"]) == (None, None)
    assert (record["windows"], record["warnings"]) == ([], ["careful"])


def test_a_record_is_read_back():
    record = failed_prediction("a.mp4", "It is empty.", THRESHOLDS, ["careful"]).to_json()
    assert Prediction.from_json(json.loads(json.dumps(record))).to_json() == record
    with pytest.raises(TypeError, match="unexpected keyword argument 'verdikt'"):
        Prediction.from_json({**record, "verdikt": "real"})


def test_the_faces_of_a_record_are_read_back_as_objects():
    face = FacePrediction(
        id=1,
        span=(0.5, 2.5),
        box=(0.1, 0.2, 0.3, 0.4),
        boxes=[(0.1, 0.2, 0.3, 0.4)],
        detector_score=0.9,
        status="ok",
        error=None,
        scores=dict.fromkeys(THRESHOLDS, 0.5),
        verdict="real",
        windows=[(0.5, 1.5, 0.5, 0.5, 0.5)],
        steps={},
        intervals=None,
        flagged={},
        unusable={},
        raw_scores=None,
    )
    plain = failed_prediction("a.mp4", "It is empty.", THRESHOLDS, ["careful"])
    record = dataclasses.replace(
        plain, looked_at="faces", faces=(face,), worst_face=1, cuts=(2.5,)
    ).to_json()
    assert record["faces"][0]["windows"] == [[0.5, 1.5, 0.5, 0.5, 0.5]]
    assert json.loads(json.dumps(record)) == record
    found = Prediction.from_json(record)
    assert found.faces[0].scores["overall"] == 0.5
    assert found.to_json() == record


def test_saved_predictions_are_plain_json(tmp_path):
    record = failed_prediction("a.mp4", "It is empty.", THRESHOLDS, ["careful"]).to_json()
    path = tmp_path / "new" / "out.json"
    save_predictions(path, [record])
    assert json.loads(path.read_text()) == [record]
    assert [item.name for item in path.parent.iterdir()] == ["out.json"]


def test_what_cannot_be_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "out.json"
    save_predictions(path, [])
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_predictions(path, [{"score": float("nan")}])
    assert json.loads(path.read_text()) == []
