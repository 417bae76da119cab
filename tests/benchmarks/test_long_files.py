import pytest

from benchmarks import long_files
from benchmarks.long_files import decode_all, measure_long_files
from benchmarks.settings import Settings


def test_a_long_file_and_a_phone_clip_are_held_against_decoding(
    tiny_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_files, "CONFIG", tiny_settings.config)
    for name, value in (
        ("_PHONE_SECONDS", 1.5),
        ("_PHONE_SIZE", (64, 96)),
        ("_LONG_SIZE", (64, 96)),
        ("_SHORT_SECONDS", 1.5),
        ("_QUICK_SECONDS", 4.0),
    ):
        monkeypatch.setattr(long_files, name, value)
    rows = list(measure_long_files(tiny_settings))
    assert [row.goal for row in rows] == [None, "long_file", "long_memory", None, "phone_clip"]
    assert all(row.is_cost and row.ratio > 0 for row in rows)
    assert rows[0].value >= rows[1].value


def test_decoding_once_counts_pictures_and_sound(make_clip) -> None:
    assert decode_all(make_clip(seconds=2.0, with_sound=False)) == 50
    assert decode_all(make_clip(seconds=2.0)) > 50
