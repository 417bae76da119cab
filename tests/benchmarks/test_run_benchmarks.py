from pathlib import Path

import pytest

from benchmarks import run_benchmarks as module
from benchmarks.report import GOALS
from benchmarks.rows import NotMeasuredError, speed_row
from benchmarks.run_benchmarks import BENCHMARKS, Benchmark, run_benchmarks, run_scaling
from benchmarks.scaling import OURS, STOCK, GrowthCurve
from benchmarks.settings import Settings
from benchmarks.timing import Comparison
from macbdf_mm.errors import MissingDataError


@pytest.fixture
def two_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure_blocks(settings):
        yield speed_row("block", "", "stock", Comparison((1.0,), (2.0,)), "block")
        raise NotMeasuredError("out of luck")

    def measure_other(settings):
        yield speed_row("other", "", "stock", Comparison((1.0,), (2.0,)))

    benchmarks = (
        Benchmark("blocks", measure_blocks, ("block", "block_forward")),
        Benchmark("other", measure_other),
    )
    monkeypatch.setattr(module, "BENCHMARKS", benchmarks)


def test_every_goal_belongs_to_one_benchmark() -> None:
    answered = [goal for benchmark in BENCHMARKS for goal in benchmark.goals]
    assert sorted(answered) == sorted(goal.key for goal in GOALS)


@pytest.mark.usefixtures("two_benchmarks")
def test_what_was_measured_is_kept_and_the_rest_has_a_reason(
    tiny_settings: Settings, tmp_path: Path
) -> None:
    seen = []
    report = run_benchmarks(tiny_settings, out=tmp_path, on_row=lambda row: seen.append(row.what))
    assert seen == ["block", "other"]
    assert report.not_measured == {"blocks": "out of luck", "block_forward": "out of luck"}
    assert (tmp_path / "benchmark.md").read_text() == report.as_markdown()


@pytest.mark.usefixtures("two_benchmarks")
def test_only_some_can_be_asked_for(tiny_settings: Settings) -> None:
    report = run_benchmarks(tiny_settings, ["other"])
    assert [row.what for row in report.rows] == ["other"]


def test_an_unknown_name_is_refused(tiny_settings: Settings) -> None:
    with pytest.raises(ValueError, match=r"`names` \(--only\) out of .*, got \['nothing'\]"):
        run_benchmarks(tiny_settings, ["nothing", "blocks"])


@pytest.mark.usefixtures("two_benchmarks")
def test_a_missing_config_shows_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"nowhere\.py"):
        run_benchmarks(Settings(tmp_path / "nowhere.py"), ["other"])


def test_scaling_leaves_table_and_picture(
    tiny_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    curve = GrowthCurve("batch", (1, 2), {OURS: (1.0, 2.0), STOCK: (3.0, 6.0)})
    monkeypatch.setattr(module, "measure_scaling", lambda settings: [curve])
    text = run_scaling(tiny_settings, tmp_path)
    assert "| batch | ours | 1: 1, 2: 2 |" in text
    assert (tmp_path / "scaling.md").read_text() == text
