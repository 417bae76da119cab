import subprocess
import sys
from pathlib import Path

from macbdf_mm.utils.journal import Journal
from macbdf_mm.utils.shard import Shard

TOOL = Path(__file__).parents[2] / "tools" / "merge_journals.py"


def merge(*words):
    command = [sys.executable, TOOL, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_one_file_holds_the_results_of_all_shards(tmp_path):
    path = tmp_path / "results.jsonl"
    for index in (1, 2):
        with Journal(path, Shard(index, 2)) as journal:
            journal.add(f"{index}", None, {"status": "done", "value": index})
    done = merge(path)
    assert (done.returncode, done.stdout) == (0, f"{path} holds 2 results.\n")
    assert [file.name for file in tmp_path.iterdir()] == ["results.jsonl"]


def test_nothing_to_merge_is_one_sentence(tmp_path):
    done = merge(tmp_path / "x.jsonl")
    assert (done.returncode, done.stderr) == (1, f"error: No journal at {tmp_path}/x.jsonl.\n")
