"""What the engine of this machine does beside its work, which tests/utils/test_jobs.py looks at."""

import os
import pickle
import signal
import subprocess
import sys
import time

import job_workers
import pytest

from macbdf_mm.errors import ArgumentError
from macbdf_mm.utils.jobs import Death
from macbdf_mm.utils.local_engine import LocalEngine, LocalProcesses, safe_path


@pytest.mark.parametrize(
    ("num_workers", "limit", "here"),
    [(0, None, True), (1, None, True), (1, 5.0, False), (2, None, False)],
)
def test_one_process_without_a_limit_is_this_one(num_workers, limit, here):
    engine = LocalEngine(num_workers, limit)
    assert engine.works_here is here
    with engine.open(job_workers.double) as pool:
        pool.submit(3, [1, 2], False)
        assert pool.wait() == [
            (3, [{"status": "done", "value": 2}, {"status": "done", "value": 4}])
        ]
        assert pool.capacity == (1 if here else 2 * num_workers)


@pytest.mark.parametrize("arguments", [(-1,), (1, 0), (0, 1.0)])
def test_what_makes_no_engine(arguments):
    with pytest.raises(ArgumentError):
        LocalEngine(*arguments)


def test_nothing_is_waited_for_that_is_not_there():
    with LocalEngine(2).open(job_workers.double) as pool:
        assert pool.wait(is_blocking=False) == []
    with LocalEngine(0).open(job_workers.double) as pool:
        pool.submit(0, [1], False)
        assert pool.wait(is_blocking=False) == []  # It would work, and not look.


def test_a_second_try_is_in_a_process_that_has_done_nothing_else():
    pool = LocalProcesses(pickle.dumps(job_workers.Counter()), 1, None)
    try:
        seen = []
        for number, is_fresh in enumerate((False, False, True, True)):
            pool.submit(number, [None], is_fresh)
            [(found, [answer])] = pool.wait()
            assert found == number
            seen.append(answer["value"])
    finally:
        pool.close()
    pids = [pid for pid, _, _ in seen]
    assert pids[0] == pids[1]
    assert len({*pids}) == 3
    assert [calls for _, _, calls in seen] == [1, 2, 1, 1]


@pytest.mark.parametrize(
    ("what", "limit", "status", "reason"),
    [
        ("hang", 0.5, "timed out", "not done within 0.5 s"),
        ("exit 3", None, "killed", "its process ended with exit code 3"),
        ("exit 0", None, "killed", "its process ended with exit code 0"),
        ("kill", None, "killed", "its process was ended by SIGKILL"),
    ],
)
def test_a_death_says_what_happened(what, limit, status, reason):
    pool = LocalProcesses(pickle.dumps(job_workers.act), 1, limit)
    try:
        pool.submit(0, [what], False)
        assert pool.wait() == [(0, Death(status, reason))]
    finally:
        pool.close()


def test_what_the_machine_refuses_to_a_pool_is_raised_as_itself():
    code = (
        "import resource, job_workers\n"
        "from macbdf_mm.utils.jobs import Job, run_jobs\n"
        "from macbdf_mm.utils.local_engine import LocalEngine\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))\n"
        "list(run_jobs(job_workers.double, [Job('a', 1)], LocalEngine(2)))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stderr.strip().splitlines()[-1] == "OSError: [Errno 24] Too many open files"


def test_closing_ends_what_hangs():
    pool = LocalProcesses(pickle.dumps(job_workers.act), 2, None)
    pool.submit(0, ["hang with the lock of Python"], False)
    pool.submit(1, ["hang"], True)
    time.sleep(1.0)
    begin = time.monotonic()
    pool.close()
    assert time.monotonic() - begin < 20


def test_a_started_python_looks_for_no_module_in_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "colorsys.py").write_text("raise SystemExit('run')")
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    command = [sys.executable, "-c", "import colorsys"]
    with safe_path():
        assert subprocess.run(command, cwd=tmp_path).returncode == 0
    assert "PYTHONSAFEPATH" not in os.environ
    assert subprocess.run(command, cwd=tmp_path, stderr=subprocess.DEVNULL).returncode == 1
    monkeypatch.setenv("PYTHONSAFEPATH", "yes")
    with safe_path():
        assert os.environ["PYTHONSAFEPATH"] == "1"
    assert os.environ["PYTHONSAFEPATH"] == "yes"


def test_a_batch_that_is_cancelled_ends_its_process_and_the_next_one_is_done():
    pool = LocalProcesses(pickle.dumps(job_workers.act), 1, None)
    try:
        pool.submit(0, ["hang"], False)
        time.sleep(0.5)
        pool.cancel(0)
        [(number, death)] = pool.wait()
        assert (number, death.status, death.is_innocent) == (0, "killed", False)
        pool.cancel(0)  # It has ended.
        pool.submit(1, ["fail"], False)
        [(number, [answer])] = pool.wait()
        assert (number, answer["status"]) == (1, "failed")
    finally:
        pool.close()


def test_a_process_that_was_ended_while_there_was_nothing_to_do_is_replaced():
    pool = LocalProcesses(pickle.dumps(job_workers.Counter()), 1, None)
    try:
        pool.submit(0, [None], False)
        [(_, [answer])] = pool.wait()
        os.kill(answer["value"][0], signal.SIGKILL)
        time.sleep(0.6)  # The pool has seen it.
        pool.submit(1, [None], False)
        [(number, [again])] = pool.wait()
        assert number == 1
        assert again["value"][0] != answer["value"][0]
    finally:
        pool.close()
