import pytest
from mmengine.config import Config

from macbdf_mm.apis.face_training import FaceTraining, kept_metainfo
from macbdf_mm.prepare.faces.face_crop import CropSettings
from macbdf_mm.prepare.faces.find_faces import TrackingSettings
from macbdf_mm.prepare.faces.prepare_clip import PreparationSettings

MADE = PreparationSettings(
    dict(type="MTCNNDetector", min_score=0.8, device="cuda:0"),
    TrackingSettings(step_seconds=0.1),
    CropSettings("jpeg", size=112, margin=1.6),
)


def _config(pipeline=(), **dataset):
    part = dict(type="AudioVisualForgeryDataset", pipeline=list(pipeline), **dataset)
    return Config(dict(train_dataloader=dict(dataset=part), test_dataloader=dict(dataset=part)))


def _checkpoint(**metainfo):
    return {"meta": {"dataset_meta": {"dataset": "d", **metainfo}}}


def test_what_macbdf_faces_recorded_is_read_back():
    training = FaceTraining.of(_config(face_crops=True), _checkpoint(faces=MADE.record()))
    assert (training.on_faces, training.is_known, training.in_pipeline) == (True, True, False)
    assert training.crops == MADE.crops
    assert training.tracking == MADE.tracking
    # The device was that of another machine.
    assert training.detector == dict(type="MTCNNDetector", min_score=0.8)


def test_files_that_are_crops_are_enough_without_a_word_in_the_config():
    assert FaceTraining.of(_config(), _checkpoint(faces=MADE.record())).on_faces


def test_the_training_of_full_frames_is_known_by_its_metainfo_or_its_config():
    boxes = PreparationSettings(MADE.detector).record()
    for cfg, checkpoint in (
        (_config(), _checkpoint()),
        (_config(), _checkpoint(faces=boxes)),
        (_config(face_crops=False), {}),
    ):
        assert FaceTraining.of(cfg, checkpoint).on_faces is False


def test_crops_made_while_loading_count():
    boxes = PreparationSettings(MADE.detector, MADE.tracking).record()
    cfg = _config([dict(type="macbdf_mm.CropFaceTrack", size=64)])
    training = FaceTraining.of(cfg, _checkpoint(faces=boxes))
    assert (training.on_faces, training.in_pipeline, training.is_known) == (True, True, True)
    assert training.tracking == MADE.tracking


def test_one_of_several_data_sets_is_enough():
    inner = dict(type="AudioVisualForgeryDataset", face_crops=True)
    outer = dict(type="ConcatForgeryDataset", datasets=[dict(type="Other"), inner])
    cfg = Config(dict(train_dataloader=dict(dataset=outer)))
    assert FaceTraining.of(cfg, _checkpoint()).on_faces


def test_what_nobody_says_is_not_known():
    assert FaceTraining.of(_config(), {}).on_faces is None
    training = FaceTraining.of(_config(face_crops=True), _checkpoint())
    assert (training.on_faces, training.is_known) == (True, False)
    assert training.crops == CropSettings()
    assert training.detector == {"type": "MTCNNDetector"}


@pytest.mark.parametrize("crops", [{"size": "large"}, {"margin": -1.0}, [1], "mp4"])
def test_settings_that_are_none_are_not_known(crops):
    training = FaceTraining.of(_config(face_crops=True), _checkpoint(faces={"crops": crops}))
    assert (training.crops, training.is_known) == (CropSettings(), False)


def test_a_release_keeps_what_is_read():
    meta = _checkpoint(faces=MADE.record(), note="x")["meta"]
    kept = {"meta": kept_metainfo(meta)}
    cfg = _config(face_crops=True)
    assert FaceTraining.of(cfg, kept) == FaceTraining.of(cfg, {"meta": meta})
    assert "note" not in kept["meta"]["dataset_meta"]
    assert kept_metainfo({}) == {}
