import numpy as np
import pytest

from benchmarks import crops as module
from benchmarks.crops import FULL, CropSpeed, measure_crop_speed
from benchmarks.settings import Settings
from macbdf_mm.structures.face_track import FaceTrack

TRACK = FaceTrack(np.array([0.0, 2.0]), np.array([[0.3, 0.3, 0.6, 0.6]] * 2))


def test_all_ways_are_measured_in_each_round(make_face_clip, tmp_path, monkeypatch):
    for name, value in {"_SPAN_SECONDS": 0.64, "_NUM_FRAMES": 4, "_FACE_SIZE": 32}.items():
        monkeypatch.setattr(module, name, value)
    folder = tmp_path / "crops"
    speed = measure_crop_speed(make_face_clip(), TRACK, folder, num_clips=2, num_rounds=3)
    assert list(speed.milliseconds) == [FULL, "mp4", "jpeg"]
    assert {len(values) for values in speed.milliseconds.values()} == {3}
    assert min(min(values) for values in speed.milliseconds.values()) > 0
    assert speed.num_bytes["mp4"] == (tmp_path / "crops/crop.mp4").stat().st_size
    assert [line.split(":")[0] for line in speed.describe().splitlines()] == list(
        speed.milliseconds
    )


def test_ratios_are_medians_of_rounds():
    speed = CropSpeed(
        {FULL: (400.0, 100.0, 300.0), "mp4": (100.0, 100.0, 100.0)}, {FULL: 1, "mp4": 1}
    )
    assert speed.describe().splitlines() == [
        "full frames: 300.0 ms a clip, 1.0x, 0.00 MB",
        "mp4: 100.0 ms a clip, 3.0x, 0.00 MB",
    ]


def test_a_file_without_video_is_refused(make_clip, tmp_path):
    from macbdf_mm.errors import UndecodableMediaError

    with pytest.raises(UndecodableMediaError, match="no frame"):
        measure_crop_speed(make_clip("a.m4a", with_video=False), TRACK, tmp_path)


def test_goals_are_held_against_the_first_source(
    tiny_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = module._Source("small", (64, 96), 3.0, 12)
    monkeypatch.setattr(module, "_SOURCES", (small, small))
    rows = list(module.measure_prepared_crops(tiny_settings))
    assert [row.goal for row in rows] == ["crops_mp4", "crops_jpeg"]
    assert all(row.setting.startswith("small, file of 0.") for row in rows)
    assert all(row.num_rounds == tiny_settings.num_rounds for row in rows)
    assert rows[0].peer_value == rows[1].peer_value


def test_track_covers_the_clip_and_the_head() -> None:
    track = module.face_of_filmed_clip(4.0)
    assert track.interval == (0.0, 4.0)
    left, top, right, bottom = track.boxes[0]
    assert left < 0.5 < right
    assert 0 < top < bottom < 0.7
