import json
from pathlib import Path

import pytest

from benchmarks import run_loading as module
from benchmarks.rows import NotMeasuredError, make_row
from benchmarks.run_loading import CLIPS_A_SECOND, cores_needed, cores_table, run_loading
from benchmarks.settings import Settings


@pytest.mark.parametrize(
    ("milliseconds", "rate", "cores"), [(10, 100, 1), (10, 101, 2), (0.5, 100, 1), (250, 8, 2)]
)
def test_cores_are_rounded_up(milliseconds: float, rate: float, cores: int) -> None:
    assert cores_needed(milliseconds, rate) == cores


def test_table_says_that_it_is_arithmetic() -> None:
    text = cores_table([("crops", 10.0)])
    assert "This is arithmetic" in text
    assert "no GPU was fed" in text
    assert f"| crops | 10.0 | {' | '.join(str(rate // 100 or 1) for rate in CLIPS_A_SECOND)} |" in (
        text
    )


def test_what_was_measured_is_kept_and_the_rest_has_a_reason(
    tiny_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure_decoding(settings):
        setting, times = "480p, GOP 25, frames bit-equal", ((100,), (200,))
        yield make_row("reading", setting, "stock", *times, goal="decode_25")
        yield make_row("reading, child", "480p", "stock", *times)

    def measure_crops(settings):
        setting = "480p, file of 1 MB"
        yield make_row("crops", setting, "full", (10,), (100,), goal="crops_mp4")

    def fail(*_):
        raise NotMeasuredError("only Linux tells")
        yield

    monkeypatch.setattr(module, "measure_decoding", measure_decoding)
    monkeypatch.setattr(module, "measure_prepared_crops", measure_crops)
    monkeypatch.setattr(module, "measure_workers", lambda settings: iter(()))
    monkeypatch.setattr(module, "_measure_growth", fail)
    markdown = run_loading(tiny_settings, tmp_path)
    saved = json.loads((tmp_path / "benchmark.json").read_text())
    verdicts = {goal["key"]: goal["verdict"] for goal in saved["goals"]}
    assert verdicts["decode_25"] == "2.000x, met"
    assert verdicts["crops_mp4"] == "10.000x, met"
    assert verdicts["memory_growth"] == "not measured: only Linux tells"
    # The arithmetic has the stock way, and each of ours once.
    assert "| stock (480p, GOP 25) | 200.0 |" in markdown
    assert "| crops (480p) | 10.0 |" in markdown
    assert "reading, child (" not in markdown
    assert (tmp_path / "benchmark.md").read_text() == markdown
    assert [row["what"] for row in saved["rows"]] == ["reading", "reading, child", "crops"]
