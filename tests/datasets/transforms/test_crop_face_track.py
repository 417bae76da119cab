import numpy as np
import pytest

from macbdf_mm.datasets import ClipRow, save_annotation
from macbdf_mm.datasets.audio_visual_forgery_dataset import AudioVisualForgeryDataset
from macbdf_mm.datasets.transforms import CropFaceTrack, DecodeAudioVisual
from macbdf_mm.errors import MissingDataError

WIDTH, HEIGHT, HEAD = 320, 240, 64


def place(t):
    return 40 + round(60 * t), 80


def entry(until=1.96, chosen=True):
    times = np.arange(0, until + 1e-6, 0.04)
    corners = np.array([place(t) for t in times], np.float64)
    boxes = np.concatenate([corners, corners + HEAD], axis=1) / [WIDTH, HEIGHT, WIDTH, HEIGHT]
    return dict(times_seconds=times.tolist(), boxes=boxes.tolist(), chosen=chosen)


def read(path, span, num_frames=8, **fields):
    results = dict(path=str(path), span_seconds=span, faces=(entry(),), extra={}, **fields)
    return DecodeAudioVisual(num_frames)(results)


@pytest.mark.parametrize("start", [0.0, 0.4, 1.2])
def test_the_crop_follows_the_head_by_time(make_face_clip, talking_head, start):
    results = read(make_face_clip(places=[place]), (start, start + 0.64))
    results = CropFaceTrack(HEAD, margin=1.0)(results)
    assert results["video_valid"].all()
    assert results["img_shape"] == (HEAD, HEAD)
    # Frame t is what is shown in the middle of step t of 0.08 s.
    shown = [int((start + (t + 0.5) * 0.08) * 25 + 1e-6) for t in range(8)]
    difference = np.abs(np.stack(results["imgs"]).astype(int) - talking_head.frames[shown])
    assert difference.mean() < 10
    np.testing.assert_allclose(results["face_boxes"], [[0, 0, HEAD, HEAD]] * 8, atol=1e-3)


def test_boxes_in_the_crop_have_its_margin(make_face_clip):
    results = CropFaceTrack(100, margin=2.0)(read(make_face_clip(places=[place]), (0.0, 1.0)))
    np.testing.assert_allclose(results["face_boxes"], [[25, 25, 75, 75]] * 8, atol=1e-3)
    assert results["face_boxes"].dtype == np.float32


def test_where_the_face_is_not_known_frames_are_black_and_not_valid(make_face_clip):
    results = read(make_face_clip(places=[place]), (0.0, 1.6))
    results["faces"] = (entry(until=0.4),)
    before = results["video_valid"]
    results = CropFaceTrack(HEAD, max_hold_seconds=0.4)(results)
    assert results["video_valid"].tolist() == [True] * 4 + [False] * 4
    assert before.all()
    brightness = [image.max() for image in results["imgs"]]
    assert min(brightness[:4]) > 0
    assert brightness[4:] == [0] * 4


def test_the_chosen_face_is_cropped_else_the_most_prominent(make_face_clip):
    path = make_face_clip(places=[place, lambda t: (230, 150)])
    small = dict(times_seconds=[0.0, 2.0], boxes=[[0.8, 0.7, 0.85, 0.8]] * 2, chosen=True)
    results = read(path, (0.0, 1.0))
    results["faces"] = (entry(chosen=False), small)
    wall = CropFaceTrack(HEAD)(results)["imgs"][0]
    results = read(path, (0.0, 1.0))
    results["faces"] = (entry(chosen=False), {**small, "chosen": False})
    head = CropFaceTrack(HEAD)(results)["imgs"][0]
    assert np.abs(wall.astype(int) - head).mean() > 20


def test_a_file_without_video_stays_without(make_clip):
    results = read(make_clip("a.m4a", with_video=False), (0.0, 1.0))
    results["faces"] = ()
    results = CropFaceTrack(HEAD)(results)
    assert not results["video_valid"].any()
    assert {image.shape for image in results["imgs"]} == {(HEAD, HEAD, 3)}
    assert results["audio_valid"].all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (dict(faces=None), r"Nobody has looked for faces in .*face\.mp4; run `macbdf faces`"),
        (dict(faces=()), r"face\.mp4 has no usable face: `faces` is empty"),
        (dict(faces=(), extra=dict(face_failure="too dark")), "no usable face: too dark"),
        (dict(faces=(entry(chosen=False),), extra=dict(face_failure="brief")), "face: brief"),
    ],
)
def test_without_a_face_there_is_an_error_and_no_whole_frame(make_face_clip, fields, message):
    results = {**read(make_face_clip(), (0.0, 1.0)), **fields}
    with pytest.raises(MissingDataError, match=message):
        CropFaceTrack(HEAD)(results)


def test_a_clip_without_a_face_is_skipped_by_name_or_scored_as_missing(make_face_clip, tmp_path):
    make_face_clip("good.mp4", places=[place])
    make_face_clip("bad.mp4", places=[])
    bad = ClipRow("bad.mp4", 0, 0, 0, faces=(), extra=dict(face_failure="no face"))
    rows = [ClipRow("good.mp4", 0, 0, 0, faces=(entry(),)), bad]
    save_annotation(tmp_path / "ann.json", {"dataset": "d"}, rows)
    pipeline = [
        dict(type="SampleClipSpan", span_seconds=1.0, test_mode=True),
        dict(type="DecodeAudioVisual", num_frames=4),
        dict(type="CropFaceTrack", size=32),
        dict(type="PackForgeryInputs", num_steps=2),
    ]

    def load(**arguments):
        return AudioVisualForgeryDataset(
            "ann.json", pipeline, str(tmp_path), on_decode_error="skip", **arguments
        )

    trained = load()
    assert trained[1]["data_samples"].file == "good.mp4"
    assert trained.skipped_files == ["bad.mp4"]
    tested = load(test_mode=True)[1]
    assert tested["data_samples"].file == "bad.mp4"
    assert not tested["inputs"]["video_mask"].any()
    assert tested["inputs"]["video"].shape == (3, 4, 32, 32)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(size=0), "`size` > 0, got 0"),
        (dict(margin=0), "`margin` > 0, got 0"),
        (dict(max_hold_seconds=-1), "`max_hold_seconds` >= 0, got -1"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        CropFaceTrack(**arguments)
