import dataclasses

import pytest

from macbdf_mm.apis.caveats import (
    FACES_FOR_FRAMES,
    FRAMES_FOR_FACES,
    NO_BAND,
    SYNTHETIC_WEIGHTS,
    UNCALIBRATED,
    UNFITTED_THRESHOLD,
    UNFITTED_WINDOWS,
    UNKNOWN_CROPS,
    UNKNOWN_PICTURES,
    UNKNOWN_TRAINING,
    face_caveats,
    file_caveats,
    missing_seconds,
    weight_caveats,
)
from macbdf_mm.apis.face_training import FaceTraining
from macbdf_mm.evaluation.functional.uncertain_band import UncertainBand
from macbdf_mm.evaluation.score_calibration import ScoreCalibration
from macbdf_mm.media.probe import MediaInfo, probe
from macbdf_mm.structures.labels import TRACKS

PLATT = {"method": "platt", "num_real": 50, "num_fake": 50, "slope": 1.0, "bias": -2.77}
CALIBRATION = ScoreCalibration(
    dict.fromkeys(TRACKS, PLATT),
    UncertainBand(0.3, 0.7, 0.1, 0.95, 0.08, 80, 3, 100),
)


def _of(**training_data):
    return {"meta": {"training_data": training_data}}


def test_synthetic_weights_are_named():
    synthetic, filmed = (_of(dataset="d", synthetic=synthetic) for synthetic in (True, False))
    assert weight_caveats(synthetic, True, True, CALIBRATION) == [SYNTHETIC_WEIGHTS]
    assert weight_caveats(filmed, True, True, CALIBRATION) == []


def test_what_is_not_known_is_said():
    assert weight_caveats({}, False, False, ScoreCalibration.none()) == [
        UNKNOWN_TRAINING,
        UNFITTED_THRESHOLD,
        UNFITTED_WINDOWS,
        UNCALIBRATED,
    ]
    no_band = dataclasses.replace(CALIBRATION, band=None)
    assert weight_caveats(_of(synthetic=False), True, True, no_band) == [NO_BAND]


def test_what_differs_from_the_training_is_said():
    faces, frames, unknown = FaceTraining(True), FaceTraining(False), FaceTraining(None)
    known = dataclasses.replace(faces, is_known=True)
    for training, are_faces_scored, expected in (
        (known, True, []),
        (faces, True, [UNKNOWN_CROPS]),
        (faces, False, [FRAMES_FOR_FACES]),
        (frames, False, []),
        (frames, True, [FACES_FOR_FRAMES]),
        (unknown, False, [UNKNOWN_PICTURES]),
        (unknown, True, [UNKNOWN_CROPS]),
    ):
        assert face_caveats(training, are_faces_scored) == expected


@pytest.fixture
def info(make_clip) -> MediaInfo:
    return probe(make_clip(seconds=2.0))


def test_an_intact_file_misses_nothing(info):
    assert missing_seconds(info) == 0
    assert file_caveats(info) == []


def test_a_file_that_claims_more_than_it_holds_was_cut_short(info):
    cut = dataclasses.replace(info, missing_seconds=4.0)
    assert missing_seconds(cut) == pytest.approx(4)
    assert file_caveats(cut) == ["the file was cut short, only its first 2.0 s are scored"]


def test_damage_is_said_with_how_much_was_seen_of_it(info):
    assert file_caveats(info, num_damaged=3) == [
        "the file is damaged: decoders report errors in 3 of the frames and packets of sound that "
        "were looked at"
    ]


def test_a_header_that_rounds_is_no_cut(info):
    assert missing_seconds(dataclasses.replace(info, missing_seconds=0.3)) == 0


@pytest.mark.parametrize(
    ("seconds", "fps", "missing", "is_cut"),
    [
        (1.4, 25.0, 0.9, True),
        (2.0, 25.0, 0.4, True),
        (2.0, 1.0, 0.9, False),
        (8.0, 25.0, 0.7, False),
        (8.0, 25.0, 0.95, True),
        (60.0, 25.0, 0.9, False),
        (60.0, 25.0, 1.1, True),
        (60.0, None, 1.1, True),
    ],
)
def test_less_is_a_cut_where_a_file_is_short(info, seconds, fps, missing, is_cut):
    info = dataclasses.replace(info, duration_seconds=seconds, fps=fps, missing_seconds=missing)
    assert bool(missing_seconds(info)) == is_cut
