import subprocess
import sys

import pytest

from studies import run_queue
from studies.run_folder import RunFolder
from studies.run_queue import QueuedRun, run_all


def test_a_run_that_cannot_begin_is_named_with_its_last_words(tmp_path):
    run = QueuedRun("one", RunFolder(tmp_path / "one"))
    run.folder.training.mkdir(parents=True)
    (run.folder.training / "old.pth").write_text("of an attempt that was killed")
    lines = []
    assert run_all([run], 1, lines.append) == [run]
    assert lines[0] == "one: begins"
    assert lines[1].startswith("[1/1] one: FAILED with exit code 1: error: No such file or folder:")
    assert lines[1].endswith(f"(all of it in {run.folder.log})")
    assert not run.folder.training.exists()


def test_the_running_ones_are_stopped_when_this_process_is_interrupted(tmp_path, monkeypatch):
    started = []

    def start(folder, inherited):
        command = [sys.executable, "-c", "import time; time.sleep(60)"]
        started.append(subprocess.Popen(command))
        return started[-1]

    def interrupt(line):
        if line == "2: begins":
            raise KeyboardInterrupt

    monkeypatch.setattr(run_queue, "_start", start)
    runs = [QueuedRun(str(i), RunFolder(tmp_path / str(i))) for i in range(3)]
    with pytest.raises(KeyboardInterrupt):
        run_all(runs, 3, interrupt)
    assert len(started) == 2
    assert all(process.returncode is not None for process in started)


def test_the_time_left_counts_running_ones_half_and_divides_by_the_jobs():
    # 4 wait and 2 run: (4 + 1) * 120 s on two cores are 5 minutes.
    words = run_queue.time_left([100.0, 140.0], num_waiting=4, num_running=2, num_jobs=2)
    assert words == "; about 5 min left for 6 runs"
    assert run_queue.time_left([], 4, 2, 2) == ""
    assert run_queue.time_left([100.0], 0, 0, 2) == ""


def test_jobs_must_be_positive():
    with pytest.raises(ValueError, match="Expected `num_jobs` > 0, got 0"):
        run_all([], 0, print)


def test_nothing_to_run_is_no_failure():
    assert run_all([], 1, print) == []
