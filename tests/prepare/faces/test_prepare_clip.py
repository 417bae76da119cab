import json
import os
import wave
from dataclasses import asdict, replace

import av
import numpy as np
import pytest
from msgspec import convert

from macbdf_mm.datasets import ClipRow
from macbdf_mm.errors import MissingBackendError
from macbdf_mm.media.probe import probe
from macbdf_mm.prepare.faces.face_crop import CropSettings
from macbdf_mm.prepare.faces.find_faces import FoundFaces, TrackingSettings
from macbdf_mm.prepare.faces.prepare_clip import (
    ClipResult,
    ClipWorker,
    PreparationSettings,
    prepare_clip,
)
from macbdf_mm.structures.face_track import FaceTrack
from macbdf_mm.utils.jobs import Job, run_jobs
from macbdf_mm.utils.local_engine import LocalEngine

ROW = ClipRow("a.mp4", 0)


def test_a_crop_is_named_by_its_key(make_face_clip, blue_screen, blue_screen_detector, tmp_path):
    settings = blue_screen(CropSettings("jpeg", size=32))
    path = make_face_clip(seconds=1.0)
    result = prepare_clip(ROW, path, "abcd", tmp_path, settings, blue_screen_detector())
    assert (result.status, result.covered_share) == ("found", 1.0)
    assert result.crop_file == "crops/ab/abcd.mov"
    assert result.crop_seconds == (0.0, 1.0)
    assert probe(tmp_path / result.crop_file).width == 32


def test_tracks_of_a_failure_are_kept(make_face_clip, blue_screen, blue_screen_detector, tmp_path):
    path = make_face_clip(places=[lambda t: (20, 30) if t < 0.3 else None])
    result = prepare_clip(ROW, path, "k", tmp_path, blue_screen(), blue_screen_detector())
    assert result.status == "failed"
    assert "no face is seen for 0.6 s" in result.reason
    assert [face["chosen"] for face in result.faces] == [False]


def test_a_face_is_seen_no_longer_than_the_clip_lasts(blue_screen, tmp_path, monkeypatch):
    # Frames between its first and its last moment are missing in the file.
    track = FaceTrack(np.array([0.0, 1.0]), np.array([[0.2, 0.2, 0.8, 0.8]] * 2), chosen=True)
    found = FoundFaces((track,), None, num_frames=3, candidates=(0,))
    monkeypatch.setattr("macbdf_mm.prepare.faces.prepare_clip.find_faces", lambda *_: found)
    result = prepare_clip(ROW, tmp_path / "a.mp4", "k", tmp_path, blue_screen(), object())
    assert result.covered_share == 1.0


def test_a_missing_file_is_a_reason(blue_screen, blue_screen_detector, tmp_path):
    path = tmp_path / "gone.mp4"
    result = prepare_clip(ROW, path, "k", tmp_path, blue_screen(), blue_screen_detector())
    assert result.status == "failed"
    assert result.reason == "No file at a.mp4; check the path."


def test_what_cannot_be_converted_is_a_reason(
    make_face_clip, blue_screen, blue_screen_detector, tmp_path
):
    path = with_sound_of_many_channels(make_face_clip(seconds=1.0, with_sound=False), tmp_path)
    settings = blue_screen(CropSettings(size=32))
    result = prepare_clip(ROW, path, "k", tmp_path, settings, blue_screen_detector())
    assert result.status == "failed"
    assert "FFmpeg cannot convert it" in result.reason
    assert not list(tmp_path.glob("crops/**/*.mp4"))


def with_sound_of_many_channels(path, folder):
    """Return a copy of a file with a sound track of more channels than FFmpeg can mix."""
    with wave.open(str(folder / "many.wav"), "wb") as file:
        file.setnchannels(80)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(16_000 * 80 * 2))
    copy = folder / "many.mov"
    with (
        av.open(str(path)) as video,
        av.open(str(folder / "many.wav")) as sound,
        av.open(str(copy), "w") as out,
    ):
        pairs = [
            (source, out.add_stream_from_template(source.streams[0])) for source in (video, sound)
        ]
        for source, stream in pairs:
            for packet in source.demux():
                if packet.size:
                    packet.stream = stream
                    out.mux(packet)
    return copy


ROW = ClipRow("a.mp4", 0)
SETTINGS = PreparationSettings(dict(type="D", device="cpu"))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"1234")
    os.utime(path, (100, 100))
    return path


def test_the_key_is_the_same_for_the_same(path):
    assert SETTINGS.key(ROW, path) == replace(SETTINGS).key(ClipRow("a.mp4", 1), path)


@pytest.mark.parametrize(
    "change",
    [
        dict(detector=dict(type="D", device="cuda")),
        dict(tracking=TrackingSettings(step_seconds=0.4)),
        dict(crops=CropSettings(size=32)),
        dict(detector=None),
    ],
)
def test_the_key_changes_with_the_settings(path, change):
    assert replace(SETTINGS, **change).key(ROW, path) != SETTINGS.key(ROW, path)


def test_the_key_changes_with_the_file(path):
    key = SETTINGS.key(ROW, path)
    assert SETTINGS.key(ClipRow("b.mp4", 0), path) != key
    os.utime(path, (101, 101))
    assert SETTINGS.key(ROW, path) != key
    path.unlink()
    assert SETTINGS.key(ROW, path) != key


def test_crops_of_another_encoding_are_not_reused(path, monkeypatch):
    """Such as those of before x264's portable code, whose bytes differed from run to run."""
    settings = replace(SETTINGS, crops=CropSettings("mp4"))
    now = settings.key(ROW, path)
    others = CropSettings("mp4").video_options
    assert others.pop("x264-params") == "cpu-independent=1"
    monkeypatch.setattr(CropSettings, "video_options", others)
    assert settings.key(ROW, path) != now


def test_own_boxes_count_where_they_are_used(path):
    boxed = replace(ROW, faces=({"times_seconds": [0.0], "boxes": [[0, 0, 1, 1]]},))
    assert SETTINGS.key(boxed, path) == SETTINGS.key(ROW, path)
    own = replace(SETTINGS, detector=None)
    assert own.key(boxed, path) != own.key(ROW, path)


def test_the_record_says_what_was_used():
    assert SETTINGS.record()["tracking"]["step_seconds"] == 0.2
    own = PreparationSettings(None, crops=CropSettings("jpeg")).record()
    assert (own["detector"], own["tracking"]) == ("annotation", None)
    assert own["crops"]["video_codec"] == "mjpeg"


RESULT = ClipResult(
    "a.mp4", "00ff", "found", faces=({"times_seconds": [0.0]},), covered_share=0.5, num_frames=7,
    crop_file="crops/00/00ff.mp4", crop_seconds=(0.5, 2.0), crop_face=(0.1, 0.2, 0.9, 0.8),
)  # fmt: skip


@pytest.mark.parametrize("result", [RESULT, ClipResult("b.mp4", "1", "failed", "no face")])
def test_a_result_comes_back_from_json(result):
    assert convert(json.loads(json.dumps(asdict(result))), ClipResult) == result


def test_one_detector_serves_all_clips_of_a_process(
    make_face_clip, blue_screen, blue_screen_detector, tmp_path, monkeypatch
):
    built = []
    original = blue_screen_detector.__init__
    monkeypatch.setattr(
        blue_screen_detector,
        "__init__",
        lambda self, **arguments: (built.append(1), original(self, **arguments))[1],
    )
    jobs = [Job(f"{k}", (ClipRow(f"{k}.mp4", 0), str(k))) for k in range(3)]
    for job in jobs:
        make_face_clip(f"{job.key}.mp4", seconds=0.6)
    worker = ClipWorker(tmp_path, tmp_path, blue_screen())
    results = list(run_jobs(worker, jobs, LocalEngine(1)))
    assert [result.value["status"] for result in results] == ["found"] * 3
    assert built == [1]


def test_a_missing_backend_is_said_at_the_start(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "facenet_pytorch", None)
    settings = PreparationSettings(dict(type="MTCNNDetector"))
    with pytest.raises(MissingBackendError, match="pip install"):
        ClipWorker(tmp_path, tmp_path, settings).start()
