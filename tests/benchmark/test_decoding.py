from pathlib import Path

import pytest

from macbdf_mm.benchmark import decoding
from macbdf_mm.benchmark.decoding import measure_decoding, write_noisy_clip
from macbdf_mm.benchmark.settings import Settings
from macbdf_mm.media.probe import probe


def test_frames_equal_those_of_decord(
    tiny_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_HEIGHT", 64)
    monkeypatch.setattr(decoding, "_WIDTH", 96)
    rows = list(measure_decoding(tiny_settings))
    assert [row.goal for row in rows] == ["decode_250", "decode_25"]
    assert all(row.setting.endswith("frames bit-equal") for row in rows)


def test_clip_has_both_tracks_and_the_same_seed_repeats(tmp_path: Path) -> None:
    paths = [tmp_path / f"{index}.mp4" for index in range(3)]
    for path, seed in zip(paths, (0, 0, 1), strict=True):
        write_noisy_clip(path, 0.4, (32, 48), seed)
    info = probe(paths[0])
    assert info.has_video
    assert info.has_audio
    assert paths[0].read_bytes() == paths[1].read_bytes() != paths[2].read_bytes()
