"""The windows of faces are those that a test on prepared faces has, to the bit."""

import copy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from macbdf_mm.apis.command_line import load_config
from macbdf_mm.apis.face_training import FaceTraining
from macbdf_mm.apis.face_windows import WITHOUT_FACE, FaceWindows
from macbdf_mm.apis.test_settings import read_test_settings
from macbdf_mm.apis.window_reader import WindowReader
from macbdf_mm.datasets import AudioVisualForgeryDataset
from macbdf_mm.datasets.annotation import ClipRow, load_annotation, save_annotation
from macbdf_mm.errors import DecoderStoppedError
from macbdf_mm.media.decoding_process import DecodingProcess
from macbdf_mm.prepare.faces.face_crop import CropSettings, write_face_crop
from macbdf_mm.prepare.faces.prepare_clip import PreparationSettings
from macbdf_mm.prepare.faces.prepare_faces import prepare_faces
from macbdf_mm.utils.local_engine import LocalEngine

BLUE, OTHER_BLUE = (20, 20, 235), (60, 80, 175)


@pytest.fixture(scope="module")
def process():
    with DecodingProcess() as process:
        yield process


@pytest.fixture
def faces_of(blue_screen_detector, process):
    def make(cfg=None, **training):
        settings = read_test_settings(cfg or load_config("macbdf_demo"))
        training = FaceTraining(True, **training)
        return FaceWindows(WindowReader(settings, process), blue_screen_detector(), training)

    return make


def _read(faces, path, allow_partial=False):
    info = faces.reader.probe(path, allow_partial)
    return list(faces.read(path, info, None, allow_partial))


def _prepare(path, tmp_path, crops):
    save_annotation(tmp_path / "ann.json", {"dataset": "d"}, [ClipRow(path.name, 0)])
    detector = dict(type="BlueScreenDetector")
    settings = PreparationSettings(detector, crops=crops, imports=("blue_screen_detector",))
    prepare_faces(tmp_path / "ann.json", path.parent, tmp_path / "out", settings, LocalEngine(0))
    return tmp_path / "out"


def _items(cfg, folder, data_root, face_crops):
    dataset = copy.deepcopy(cfg.test_dataloader.dataset)
    dataset.pop("type")
    dataset.update(data_root=str(data_root), face_crops=face_crops, split=None)
    dataset.update(ann_file=str(folder / "annotation.json"))
    return list(AudioVisualForgeryDataset(**dataset))


@pytest.mark.parametrize("form", ["mp4", "jpeg"])
def test_windows_are_those_of_a_test_on_prepared_crops(make_face_clip, faces_of, tmp_path, form):
    # The face appears late, moves, and its shot ends before the file does.
    path = make_face_clip(
        places=[lambda t: (40 + round(30 * t), 80) if t > 0.7 else None],
        walls=lambda t: BLUE if t < 2.6 else OTHER_BLUE,
        seconds=2.8,
    )
    crops = CropSettings(form, size=96, margin=1.5)
    folder = _prepare(path, tmp_path, crops)
    [row] = load_annotation(folder / "annotation.json").rows
    begin = row.extra["face_crop"]["start_seconds"]
    expected = _items(load_config("macbdf_demo"), folder, folder, face_crops=True)
    found = _read(faces_of(crops=crops), path)
    assert len(found) == len(expected) == 3
    for packed, item in zip(found, expected, strict=True):
        sample = packed["data_samples"]
        shifted = [edge + begin for edge in item["data_samples"].span_seconds]
        assert list(sample.span_seconds) == pytest.approx(shifted)
        assert sample.file == sample.path == str(path)
        for name, value in item["inputs"].items():
            assert torch.equal(packed["inputs"][name], value), name
    face = found[0]["data_samples"].face
    assert face.span_seconds == pytest.approx((row.extra["face_crop"]["start_seconds"], 2.6))
    assert found[0]["data_samples"].found.cuts_seconds == pytest.approx((2.6,), abs=1e-3)


def _cropping_config():
    cfg = load_config("macbdf_demo")
    chooser, decoder, *_, packer = cfg.test_dataloader.dataset.pipeline
    crop = dict(type="CropFaceTrack", size=64)
    cfg.test_dataloader.dataset.pipeline = [chooser, decoder, crop, packer]
    return Config(cfg.to_dict())


def test_a_pipeline_that_crops_gets_the_windows_of_the_file(make_face_clip, faces_of, tmp_path):
    path = make_face_clip(places=[lambda t: (40, 80) if t < 2.2 else None], seconds=3.0)
    cfg = _cropping_config()
    expected = _items(cfg, _prepare(path, tmp_path, None), path.parent, face_crops=False)
    found = _read(faces_of(cfg, in_pipeline=True), path)
    assert len(found) == len(expected) == 4
    for packed, item in zip(found, expected, strict=True):
        for name, value in item["inputs"].items():
            assert torch.equal(packed["inputs"][name], value), name


def test_a_pipeline_that_crops_gets_no_window_with_a_cut(make_face_clip, faces_of):
    path = make_face_clip(walls=lambda t: BLUE if t < 1.8 else OTHER_BLUE, seconds=3.6)
    found = [
        packed["data_samples"]
        for packed in _read(faces_of(_cropping_config(), in_pipeline=True), path)
    ]
    spans = [(sample.face.id, sample.span_seconds[0]) for sample in found]
    assert spans == [(1, 0.0), (2, pytest.approx(1.92)), (2, pytest.approx(2.32))]


def test_each_face_has_windows_of_its_own(make_face_clip, faces_of):
    path = make_face_clip(
        places=[lambda t: (200, 100), lambda t: (20, 30) if 0.9 < t < 2.5 else None], seconds=3.0
    )
    found = [packed["data_samples"] for packed in _read(faces_of(), path)]
    spans = {sample.face.id: sample.face.span_seconds for sample in found}
    assert spans == {1: pytest.approx((0.0, 3.0)), 2: pytest.approx((0.52, 2.92), abs=0.05)}
    lefts = {sample.face.id: sample.face.track.boxes[0, 0] for sample in found}
    assert lefts == {1: pytest.approx(200 / 320, abs=0.02), 2: pytest.approx(20 / 320, abs=0.02)}


def test_what_is_seen_for_less_than_a_second_is_scored_only_if_it_is_the_main_face(
    make_face_clip, faces_of
):
    def brief(seconds):
        return lambda t: (20, 30) if 0.3 < t < 0.3 + seconds else None

    def faces_in(*places):
        path = make_face_clip(places=list(places), seconds=2.0)
        return {packed["data_samples"].face.id for packed in _read(faces_of(), path)}

    main = lambda t: (200, 100)  # noqa: E731
    assert faces_in(main, brief(0.75)) == {1}
    assert faces_in(main, brief(1.15)) == {1, 2}
    assert faces_in(brief(0.75)) == {1}


def test_without_a_face_the_sound_is_given_alone(make_face_clip, faces_of):
    path = make_face_clip(places=[], seconds=2.0)
    for faces in (faces_of(), faces_of(_cropping_config(), in_pipeline=True)):
        found = _read(faces, path)
        assert len(found) == 3
        for packed in found:
            sample = packed["data_samples"]
            assert (sample.face, sample.unusable) == (None, {"video": WITHOUT_FACE})
            assert sample.found.failure == "no face in 10 frames looked at"
            assert not packed["inputs"]["video_mask"].any()
            assert packed["inputs"]["audio_mask"].all()


def test_a_crop_is_gone_when_its_windows_are_read(make_face_clip, faces_of, tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    path = make_face_clip(places=[lambda t: (20, 30), lambda t: (200, 100)], seconds=1.6)
    faces = faces_of()
    most = 0
    for _ in faces.read(path, faces.reader.probe(path, False), None, False):
        most = max(most, len(list(folder.iterdir())))
    assert most == 1
    assert not list(folder.iterdir())


def test_a_face_on_which_the_decoder_stops(make_face_clip, faces_of, monkeypatch):
    path = make_face_clip(seconds=1.6)
    faces = faces_of()

    call = faces.reader.process.call_within

    def stop(limit, function, *arguments, **options):
        if function is write_face_crop:
            raise DecoderStoppedError(f"{path}: the process that decodes it was killed.")
        return call(limit, function, *arguments, **options)

    monkeypatch.setattr(faces.reader.process, "call_within", stop)
    with pytest.raises(DecoderStoppedError, match="killed; or score the rest with --allow-partial"):
        _read(faces, path)
    packed, _ = _read(faces, path, allow_partial=True)
    sample = packed["data_samples"]
    assert (sample.face.id, sample.is_decoder_stopped) == (1, True)
    assert "was killed" in sample.decode_error
    assert not packed["inputs"]["audio_mask"].any()


def test_what_data_samples_hold_of_a_file_is_not_copied(make_face_clip, faces_of):
    samples = [packed["data_samples"] for packed in _read(faces_of(), make_face_clip(seconds=2.0))]
    assert len({id(sample.found) for sample in samples}) == 1
    assert len({id(sample.face.track) for sample in samples}) == 1
    assert Path(samples[0].file).name == "face.mp4"
