"""What a person who fetches weights reads first."""

import copy

import pytest

from macbdf_mm.apis.model_card import model_card

FACTS = {
    "name": "mine",
    "versions": {"macbdf_mm": "1.2.3"},
    "num_parameters": 1234567,
    "precision": "float16",
    "window_seconds": 1.28,
    "reads_face_crops": True,
    "thresholds": {"overall": 0.5, "video": 0.25, "audio": 0.75},
    "is_threshold_fitted": True,
    "calibration": {"maps": {}, "band": {"low": 0.2, "high": 0.6}},
    "figures": {
        "headers": ["", "overall"],
        "rows": [["AUC", "0.901"]],
        "num_clips": 77,
        "weights_sha256": "abc",
    },
    "weights_sha256": "abc",
    "meta": {"training_data": {"dataset": "dfdc"}},
}


def test_all_that_is_known_stands_in_it():
    card = model_card(FACTS)
    for text in (
        "# mine\n",
        "`macbdf_mm` 1.2.3: 1,234,567 parameters in float16",
        "windows of 1.28 s",
        "macbdf predict --checkpoint THIS_FOLDER video.mp4",
        "## Training data\n\n`dfdc`.\n",
        "77 clips of the config's test set:\n\n|  | overall |\n| --- | --- |\n| AUC | 0.901 |",
        "calibrated scores (chosen on validation data): overall 0.500, video 0.250, audio 0.750.",
        "Overall scores from 0.200 to 0.600 are uncertain.",
        "## What a score does not mean",
        "trained on face crops",
        "`abc`",
    ):
        assert text in card, text
    assert "synthetic" not in card


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"weights_sha256": "rounded"},
            "77 clips of the config's test set, scored before the weights were rounded to float16:",
        ),
        ({"figures": None}, "No test of these weights is known."),
        ({"meta": {}}, "The checkpoint does not say what the weights were trained on."),
        (
            {"meta": {"training_data": {"dataset": "demo", "synthetic": True}}},
            "nothing about real video",
        ),
        ({"calibration": None}, "rank files but are no probabilities"),
        ({"is_threshold_fitted": False}, "(not chosen on data)"),
    ],
)
def test_what_is_not_known_is_said(changes, said):
    assert said in " ".join(model_card({**copy.deepcopy(FACTS), **changes}).split())
