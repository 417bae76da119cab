import json
from pathlib import Path

import pytest
import torch

from benchmarks import report as module
from benchmarks.report import Goal, Report, describe_environment, run_all
from benchmarks.rows import NotMeasuredError, make_row
from benchmarks.run_benchmarks import GOALS
from benchmarks.run_loading import LOADING_GOALS
from benchmarks.settings import Settings


def test_a_speedup_reaches_and_a_cost_stays_below_the_limit() -> None:
    fast, cheap = Goal("a", "", "", 2.0), Goal("b", "", "", 1.5, is_cost=True)
    assert fast.is_met(2.0)
    assert not fast.is_met(1.99)
    assert cheap.is_met(1.5)
    assert not cheap.is_met(1.51)
    assert (str(fast), str(cheap)) == (">= 2x", "<= 1.5x")


def test_keys_are_unique() -> None:
    for goals in (GOALS, LOADING_GOALS):
        assert len({goal.key for goal in goals}) == len(goals)


def test_both_tools_hold_reading_against_the_same() -> None:
    shared = [goal for goal in LOADING_GOALS if goal in GOALS]
    assert [goal.key for goal in shared] == ["decode_250", "decode_25"]


def test_environment_says_what_figures_depend_on() -> None:
    text = describe_environment(1)
    assert torch.__version__ in text["Versions"]
    assert torch.backends.cpu.get_cpu_capability() in text["Processor"]
    assert text["Threads"] == "1, process CPU time"
    assert describe_environment(2)["Threads"] == "2, wall time"
    if not torch.cuda.is_available():
        assert text["GPU"] == "none"


@pytest.fixture
def report() -> Report:
    met = make_row("block", "B=2", "stock", (100,), (800,), goal="block")
    missed = make_row("towers", "B=1", "stock", (100,), (200,), goal="towers")
    return Report(GOALS, {"GPU": "none"}, [met, missed], {"gpu_blocks": "no GPU"})


def test_every_goal_has_a_verdict(report: Report) -> None:
    verdicts = {goal.key: report.verdict(goal) for goal in GOALS}
    assert verdicts["block"] == "8.000x, met"
    assert verdicts["towers"] == "2.000x, NOT met"
    assert verdicts["gpu_blocks"] == "not measured: no GPU"
    assert verdicts["step"] == "not measured: not asked for"
    table = report.as_markdown()
    for goal in GOALS:
        assert f"| {goal.what} | {goal} | {verdicts[goal.key]} |" in table


def test_rows_are_in_the_table(report: Report) -> None:
    expected = "| block | B=2 | stock | 100 ms | 800 ms | 8.00x | 8.00 - 8.00 | 1 |"
    assert expected in report.as_markdown().splitlines()


def test_saved_file_holds_the_same(report: Report, tmp_path: Path) -> None:
    report.save(tmp_path / "new")
    data, table = (tmp_path / "new" / f"benchmark.{kind}" for kind in ("json", "md"))
    saved = json.loads(data.read_text())
    assert saved["environment"] == {"GPU": "none"}
    assert [row["ratio"] for row in saved["rows"]] == pytest.approx([8.0, 2.0])
    assert {goal["key"]: goal["verdict"] for goal in saved["goals"]}["block"] == "8.000x, met"
    assert table.read_text() == report.as_markdown()
    assert set(data.parent.iterdir()) == {data, table}


def test_what_was_measured_is_kept_and_the_rest_has_a_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure_blocks(settings):
        yield make_row("block", "B=1", "stock", (1.0,), (2.0,), goal="block")
        raise NotMeasuredError("out of luck")

    def measure_other(settings):
        yield make_row("other", "", "stock", (1.0,), (3.0,))

    threads = []
    monkeypatch.setattr(module.torch, "set_num_threads", threads.append)
    benchmarks = {"blocks": measure_blocks, "other": measure_other}
    report = run_all(benchmarks, GOALS, Settings(Path(), num_threads=2), tmp_path)
    assert threads == [2]
    assert capsys.readouterr().err.splitlines() == [
        "block, B=1: 2.00x stock", "other, : 3.00x stock",
    ]  # fmt: skip
    assert report.not_measured == {"blocks": "out of luck", "block_forward": "out of luck"}
    assert (tmp_path / "benchmark.md").read_text() == report.as_markdown()
