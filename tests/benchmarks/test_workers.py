from pathlib import Path

import pytest

from benchmarks import workers as module
from benchmarks.settings import Settings
from benchmarks.workers import crops_dataset, make_loader, measure_workers


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_NUM_FILES", 2)
    monkeypatch.setattr(module, "_NUM_QUICK_CLIPS", 16)
    monkeypatch.setattr(module, "_SOURCE_SECONDS", 3.0)
    monkeypatch.setattr(module, "_SOURCE_SIZE", (64, 96))


@pytest.mark.usefixtures("small")
def test_loader_gives_as_many_clips_as_told_with_both_tracks(tmp_path: Path) -> None:
    loader = make_loader(crops_dataset(tmp_path, 0), 1, 12, seed=0)
    videos = [video for batch in loader for video in batch["inputs"]["video"]]
    assert len(videos) == 12
    assert {tuple(video.shape) for video in videos} == {(3, 16, 224, 224)}
    for batch in loader:
        assert all(mask.all() for mask in batch["inputs"]["video_mask"])
        assert all(mask.all() for mask in batch["inputs"]["audio_mask"])


@pytest.mark.usefixtures("small")
def test_each_number_of_workers_is_a_row(
    tiny_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "NUM_WORKERS", (1, 2))
    rows = list(measure_workers(tiny_settings))
    assert [row.what for row in rows] == ["clips a second, 1 worker", "clips a second, 2 workers"]
    assert rows[0].ratio == 1.0
    assert rows[1].peer_value == rows[0].value
    assert all(row.unit == "clips/s" and row.value > 0 for row in rows)
