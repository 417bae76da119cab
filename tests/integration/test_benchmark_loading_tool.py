"""tools/benchmark_loading.py as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "tools/benchmark_loading.py", *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


@pytest.mark.slow  # Two minutes.
def test_quick_run_prints_every_goal_with_its_ratio(tmp_path: Path) -> None:
    done = run("--quick", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    saved = json.loads((tmp_path / "benchmark.json").read_text())
    assert len(saved["goals"]) == 5
    for goal in saved["goals"]:
        assert "not measured" not in goal["verdict"]
        assert f"| {goal['what']} |" in done.stdout
    reading = [row for row in saved["rows"] if row["what"].startswith("reading")]
    assert len(reading) == 4
    assert all("frames bit-equal" in row["setting"] for row in reading)
    assert "memory growth, own: " in done.stderr  # progress


def test_a_wrong_flag_is_refused() -> None:
    done = run("--rounds", 3)
    assert done.returncode == 2
    assert "unrecognized arguments: --rounds 3" in done.stderr
