import json
from pathlib import Path

import pytest

from benchmarks.comparison import Comparison
from benchmarks.goal import GOALS, Goal
from benchmarks.report import Report
from benchmarks.row import speed_row


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
