import pytest

from benchmarks import prediction
from benchmarks.prediction import measure_prediction
from benchmarks.settings import Settings


def test_a_file_is_scored_on_both_sides(
    tiny_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction, "_SECONDS", 1.5)
    monkeypatch.setattr(prediction, "_SIZE", (64, 96))
    (row,) = measure_prediction(tiny_settings)
    assert row.setting.endswith("2 windows")
    assert row.ratio > 0
