import json
import sys

import pytest

from benchmarks.run_scores import measure_command, run_scores
from macbdf_mm.errors import ConfigError
from macbdf_mm.evaluation.score_file import read_scores


@pytest.mark.slow  # seven processes that load scipy
def test_every_command_is_measured(tmp_path):
    markdown = run_scores(30, True, 5, 0, tmp_path)
    assert (tmp_path / "benchmark.md").read_text() == markdown
    costs = json.loads((tmp_path / "benchmark.json").read_text())
    assert [cost["what"].split()[0] for cost in costs] == [
        "score_tables.py", "compare.py", "import_scores.py", "make_submission.py",
        "make_submission.py", "to", "from",
    ]  # fmt: skip
    assert all(cost["cpu_seconds"] > 0.05 and 0.03 < cost["peak_gb"] < 5 for cost in costs)
    # Parquet gives back what it was given, to the byte.
    assert (tmp_path / "back.jsonl").read_bytes() == (tmp_path / "first.jsonl").read_bytes()
    assert len(read_scores(tmp_path / "theirs.jsonl").videos) == 30


def test_time_and_memory_are_those_of_the_command():
    code = "import time; block = bytearray(300_000_000); end = time.process_time() + 0.5\n"
    code += "while time.process_time() < end: pass"
    cost = measure_command("work", 1, [sys.executable, "-c", code])
    assert 0.5 <= cost.cpu_seconds < 3
    assert 0.3 < cost.peak_gb < 0.5
    assert cost.row()[:2] == ("work", "1")


def test_a_command_that_fails_says_why():
    with pytest.raises(ConfigError, match=r"failed with 3: no such thing"):
        measure_command(
            "no", 1, [sys.executable, "-c", "import sys; print('no such thing', file=sys.stderr);"
                      "sys.exit(3)"],
        )  # fmt: skip
