import pytest

from benchmarks import prepared_crops as module
from benchmarks.settings import Settings


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
