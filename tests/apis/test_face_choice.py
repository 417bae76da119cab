import pytest

from macbdf_mm.apis.face_choice import detector_for
from macbdf_mm.apis.face_training import FaceTraining
from macbdf_mm.errors import ConfigError, MissingBackendError
from macbdf_mm.registry import FACE_DETECTORS

FACES, FRAMES, UNKNOWN = FaceTraining(True), FaceTraining(False), FaceTraining(None)


@pytest.fixture
def own(blue_screen_detector):
    return dict(detector=dict(type="BlueScreenDetector"), imports=("blue_screen_detector",))


@pytest.mark.parametrize(
    ("choice", "training", "is_there"),
    [
        ("auto", FACES, True),
        ("auto", FRAMES, False),
        ("auto", UNKNOWN, False),
        ("crops", FACES, True),
        ("crops", FRAMES, True),
        ("whole-frame", FACES, False),
        ("whole-frame", FRAMES, False),
    ],
)
def test_faces_are_looked_for_where_they_count(own, choice, training, is_there):
    if not is_there:
        assert detector_for(choice, training) is None
        for name, value in own.items():
            with pytest.raises(ConfigError, match="leave out --detector and --import"):
                detector_for(choice, training, **{name: value})
        return
    assert detector_for(choice, training, **own) is not None


def test_the_detector_is_that_of_the_training(blue_screen_detector):
    training = FaceTraining(True, detector=dict(type="BlueScreenDetector", min_side=33))
    assert detector_for("auto", training).min_side == 33


@pytest.fixture
def missing():
    class NotInstalled:
        def __init__(self):
            raise MissingBackendError("NotInstalled needs x; install it with: pip install x.")

    FACE_DETECTORS.register_module(module=NotInstalled)
    yield {"type": "NotInstalled"}
    del FACE_DETECTORS.module_dict["NotInstalled"]


def test_a_model_of_faces_without_a_detector_is_refused_with_both_remedies(missing):
    training = FaceTraining(True, detector=missing)
    with pytest.raises(MissingBackendError) as info:
        detector_for("auto", training)
    said = str(info.value)
    assert said.startswith("The weights were trained on face crops, so faces have to be found")
    assert (
        "needs x; install it with: pip install x; or score whole frames with --faces whole-frame"
        in said
    )
    assert detector_for("whole-frame", training) is None
    # Nobody else needs one.
    assert detector_for("auto", FaceTraining(False, detector=missing)) is None


def test_what_cannot_be_chosen_is_refused():
    with pytest.raises(ConfigError, match=r"'whole-frame' \(--faces\), got 'heads'"):
        detector_for("heads", FACES)
    with pytest.raises(ConfigError, match="pipeline of the config crops faces"):
        detector_for("whole-frame", FaceTraining(True, in_pipeline=True))
    with pytest.raises(ConfigError, match="no face detector 'Other'"):
        detector_for("auto", FACES, {"type": "Other"})
