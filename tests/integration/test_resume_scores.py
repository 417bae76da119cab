"""Tests and evaluations that are killed, and go on with the same command."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from mean_detector import LABELS, made_weights, write_config, write_data_set

REPOSITORY = Path(__file__).resolve().parents[2]
TOY_CONFIG = Path(__file__).parent / "toy" / "toy_config.py"


def kill_when(is_time, command, folder):
    """Start a command, and kill it with SIGKILL as soon as it is time."""
    paths = [REPOSITORY, REPOSITORY / "tests/trees"]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "OMP_NUM_THREADS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", *map(str, command)],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    end = time.monotonic() + 600
    try:
        while process.poll() is None and not is_time():
            assert time.monotonic() < end
            time.sleep(0.01)
    finally:
        process.kill()
    said = process.communicate()[0]
    return process.returncode, said


def files_of(folder):
    """Return all that an evaluation has written but its logs, by relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "logs" not in path.parts and path.name != ".lock"
    }


@pytest.mark.slow  # The command, three times.
def test_a_killed_evaluation_goes_on_and_writes_the_same(make_clip, write_checkpoint, tmp_path):
    write_data_set(tmp_path / "one", "demo", make_clip, LABELS * 4)
    config = write_config(tmp_path / "mean.py", tmp_path / "one", batch_size=1)
    weights = write_checkpoint(tmp_path / "best.pth", made_weights())
    command = [
        REPOSITORY / "tools/evaluate.py", config, weights, "--out", "out",
        "--num-resamples", 5, "--no-probes", "--robustness", "gain",
    ]  # fmt: skip
    folders = [tmp_path / name for name in ("stopped", "whole")]
    for folder in folders:
        folder.mkdir()
    stopped, whole = folders
    scores = stopped / "out/scores"

    def is_in_the_middle():
        journals = list(scores.glob("*/*.journal.jsonl"))
        done = list(scores.glob("*/*.made_by.json"))
        # A line says what made them; then comes a line for each batch.
        return len(done) > 1 and any(
            2 < journal.read_bytes().count(b"\n") < 14 for journal in journals if journal.exists()
        )

    code, _ = kill_when(is_in_the_middle, command, stopped)
    assert code == -9
    [journal] = scores.glob("*/*.journal.jsonl")
    num_kept = journal.read_bytes().count(b"\n") - 1
    assert 0 < num_kept < 16
    finished = {path: path.stat().st_mtime_ns for path in scores.glob("*/*.jsonl")}
    finished.pop(journal)
    assert not (stopped / "out/evaluation.json").exists()

    code, said = kill_when(lambda: False, command, stopped)
    assert code == 0, said[-2000:]
    assert f": 0/{16 - num_kept} batches" in said
    assert all(path.stat().st_mtime_ns == before for path, before in finished.items())
    code, said = kill_when(lambda: False, command, whole)
    assert code == 0, said[-2000:]
    assert files_of(stopped / "out") == files_of(whole / "out")


@pytest.mark.slow  # The command, three times.
def test_a_killed_test_goes_on_and_writes_the_same(run_tool, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(TOY_CONFIG.parent))
    from toy_parts import ToyDetector

    torch.save({"state_dict": ToyDetector().state_dict(), "meta": {}}, tmp_path / "toy.pth")
    command = ("test", TOY_CONFIG, tmp_path / "toy.pth", "--work-dir")
    assert run_tool(*command, "run", TOY_KILL_AT_BATCH=4).returncode == -9
    [journal] = (tmp_path / "run").glob("*.journal.jsonl")
    (tmp_path / "run").rename(tmp_path / "stopped")
    whole = run_tool(*command, "run")
    assert whole.returncode == 0, whole.stderr[-2000:]
    (tmp_path / "run").rename(tmp_path / "whole")
    (tmp_path / "stopped").rename(tmp_path / "run")
    done = run_tool(*command, "run")
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"3 of 5 batches were scored before and are taken over from run/{journal.name}" in (
        done.stdout + done.stderr
    )
    for name in ("test_scores.jsonl", "test_scores.meta.json"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not journal.exists()
