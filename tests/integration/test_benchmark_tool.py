"""tools/benchmark.py as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "tools/benchmark.py", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_all_goals_are_printed_whatever_is_measured(tmp_path: Path) -> None:
    done = _run("--quick", "--only", "log_mel", "gpu", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "| log-mel | B=8" in done.stdout
    saved = json.loads((tmp_path / "benchmark.json").read_text())
    for goal in saved["goals"]:
        assert f"| {goal['what']} |" in done.stdout
    assert "log-mel" in done.stderr  # progress


def test_a_wrong_name_is_one_sentence() -> None:
    done = _run("--only", "nothing")
    assert done.returncode == 1
    assert done.stderr.startswith("error: Expected `names` (--only) out of")
