import json
from pathlib import Path

import pytest
import torch

from benchmarks.report import GOALS, LOADING_GOALS, Goal, Report, describe_environment
from benchmarks.rows import speed_row
from benchmarks.timing import Comparison


def test_a_speedup_reaches_and_a_cost_stays_below_the_limit() -> None:
    fast, cheap = Goal("a", "", 2.0), Goal("b", "", 1.5, is_cost=True)
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
    met = speed_row("block", "B=2", "stock", Comparison((0.1,), (0.8,)), goal="block")
    missed = speed_row("towers", "B=1", "stock", Comparison((0.1,), (0.2,)), goal="towers")
    return Report({"GPU": "none"}, [met, missed], {"gpu_blocks": "no GPU"})


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
    data, table = report.save(tmp_path / "new")
    saved = json.loads(data.read_text())
    assert saved["environment"] == {"GPU": "none"}
    assert [row["ratio"] for row in saved["rows"]] == pytest.approx([8.0, 2.0])
    assert {goal["key"]: goal["verdict"] for goal in saved["goals"]}["block"] == "8.000x, met"
    assert table.read_text() == report.as_markdown()
    assert {path.name for path in data.parent.iterdir()} == {"benchmark.json", "benchmark.md"}


def test_other_goals_can_be_named() -> None:
    goal = Goal("crops", "crops / full frames", 8.0)
    row = speed_row("crops", "", "full", Comparison((0.1,), (0.9,)), goal="crops")
    report = Report({}, [row], goals=(goal,))
    assert "| crops / full frames | >= 8x | 9.000x, met |" in report.as_markdown()
    assert GOALS[0].what not in report.as_markdown()
    assert [entry["key"] for entry in report.as_dict()["goals"]] == ["crops"]
