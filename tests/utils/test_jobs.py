import itertools
import json
import os
import pickle
import signal
import subprocess
import sys
import time

import cv2
import job_workers
import pytest

from macbdf_mm.errors import UnwritableFileError
from macbdf_mm.utils.jobs import Job, WorkerProcess, in_batches, run_jobs
from macbdf_mm.utils.journal import Journal
from macbdf_mm.utils.local_engine import LocalEngine

KILLERS = {
    "kill": "its process was ended by SIGKILL",
    "crash": "its process was ended by SIGSEGV",
    "exit 3": "its process ended with exit code 3",
    "exit 0": "its process ended with exit code 0",
}


def jobs_of(*arguments, stamp=None):
    return [Job(str(argument), argument, stamp) for argument in arguments]


def run(worker, jobs, engine, journal=None, **kwargs):
    return {result.key: result for result in run_jobs(worker, jobs, engine, journal, **kwargs)}


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "It never happened."
        time.sleep(0.02)


def children():
    path = f"/proc/{os.getpid()}/task/{os.getpid()}/children"
    with open(path) as file:
        return {pid for pid in map(int, file.read().split()) if is_alive(pid)}


@pytest.mark.parametrize("num_workers", [0, 1, 2])
def test_every_job_has_one_result(num_workers):
    results = list(run_jobs(job_workers.double, jobs_of(*range(25)), LocalEngine(num_workers)))
    assert sorted((int(result.key), result.value) for result in results) == [
        (number, 2 * number) for number in range(25)
    ]
    assert {result.status for result in results} == {"done"}


def test_one_worker_without_limit_is_this_process_and_with_one_is_not():
    here = run(job_workers.Counter(), jobs_of(1), LocalEngine(1))["1"].value
    there = run(job_workers.Counter(), jobs_of(1), LocalEngine(1, 30))["1"].value
    assert here[0] == os.getpid() != there[0]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_worker_is_started_once_in_each_process(num_workers):
    counted = [
        r.value
        for r in run_jobs(job_workers.Counter(), jobs_of(*range(9)), LocalEngine(num_workers))
    ]
    assert {num_started for _, num_started, _ in counted} == {1}
    assert sum(num_calls == 1 for _, _, num_calls in counted) <= max(1, num_workers)


def test_the_start_of_a_worker_is_outside_the_time_limit():
    result = run(job_workers.Counter(seconds=1.5), jobs_of(1), LocalEngine(1, 0.7))["1"]
    assert result.status == "done"


@pytest.mark.parametrize("num_workers", [0, 2])
def test_our_errors_are_results(num_workers):
    results = run(job_workers.act, jobs_of("fail", 1), LocalEngine(num_workers))
    assert (results["fail"].status, results["fail"].error) == ("failed", "This file is damaged.")
    assert results["1"].value == 1


def test_sixty_jobs_and_killers_cost_the_killers_alone():
    arguments = [*range(30), *KILLERS, *range(30, 60)]
    results = run(job_workers.act, jobs_of(*arguments), LocalEngine(2, 30))
    assert len(results) == 64
    assert all(results[str(number)].value == number for number in range(60))
    for name, reason in KILLERS.items():
        assert results[name].status == "killed"
        assert results[name].error == f"{name}: {reason}, in two attempts."


def test_a_killer_without_time_limit_does_not_hang_the_run():
    # Kills as soon as it is begun, several times: pebble must not miss the message of its begin.
    arguments = [f"{name}" for name in ("kill", "exit 0")]
    results = run(job_workers.act, jobs_of(*arguments), LocalEngine(2))
    assert {result.status for result in results.values()} == {"killed"}


def test_one_killer_among_sixty_short_jobs_takes_seconds():
    # 1.5 s of work for each of two processes, their start, and two deaths: below 5 s on idle
    # cores; here others may use them as well, so the measure is that of a run without a killer.
    begin = time.monotonic()
    run(job_workers.act, jobs_of(*range(60)), LocalEngine(2))
    whole = time.monotonic() - begin
    run(job_workers.act, jobs_of(*range(30), "kill", *range(30, 60)), LocalEngine(2))
    assert time.monotonic() - begin - whole < 2 * whole + 3


@pytest.mark.parametrize("how", ["hang", "hang with the lock of Python"])
def test_a_hang_ends_at_its_limit_and_the_others_go_on(how):
    begin = time.monotonic()
    ends = {}
    for result in run_jobs(job_workers.act, jobs_of(how, *range(20)), LocalEngine(2, 2.0)):
        ends[result.key] = time.monotonic() - begin
    assert result.status == "timed out"
    assert result.error == f"{how}: not done within 2 s, in two attempts."
    assert 4.0 < ends.pop(how) < 20
    assert len(ends) == 20


def test_what_dies_once_is_done_in_a_fresh_process(tmp_path):
    names = ["kill", "hang", "exit 0"]
    results = run(job_workers.ActOnce(tmp_path), jobs_of(*names, "a", "b"), LocalEngine(2, 2.0))
    assert {result.status for result in results.values()} == {"done"}
    pids = [results[name].value for name in names]
    assert len({*pids, results["a"].value}) == 4


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_mistake_in_the_worker_is_raised_as_itself(num_workers):
    with pytest.raises(KeyError, match="a mistake"):
        run(job_workers.act, jobs_of(1, "mistake", 2), LocalEngine(num_workers))


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("mistake that cannot be pickled", "(?s)cannot be pickled.*UnpicklableError"),
        ("no answer that can be pickled", "(?i)pickle"),
    ],
)
def test_what_cannot_be_pickled_is_raised(what, message):
    with pytest.raises((RuntimeError, AttributeError, TypeError), match=message):
        run(job_workers.act, jobs_of(what), LocalEngine(2))


def test_the_traceback_of_a_process_is_a_note():
    with pytest.raises(KeyError) as caught:
        run(job_workers.act, jobs_of("mistake"), LocalEngine(2))
    assert "job_workers.py" in "".join(caught.value.__notes__)


def test_an_error_of_start_is_raised_as_itself():
    with pytest.raises(ValueError, match="There is no model"):
        run(job_workers.StartsNever(), jobs_of(1, 2), LocalEngine(2))


def test_workers_that_die_at_start_end_the_run():
    with pytest.raises(RuntimeError, match="end before their first job"):
        run(job_workers.DiesAtStart(), jobs_of(1, 2), LocalEngine(2))


def test_a_second_try_whose_process_dies_at_its_start_is_the_last(tmp_path):
    result = run(job_workers.DiesAtItsSecondStart(tmp_path), jobs_of("a"), LocalEngine(1, 30))["a"]
    reason = "its process ended while it was started"
    assert (result.status, result.error) == ("killed", f"a: {reason}, in two attempts.")


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_worker_that_leaves_does_not_end_the_command_in_silence(num_workers):
    with pytest.raises(RuntimeError, match=r"called `sys.exit\(0\)`"):
        run(job_workers.leave, jobs_of(1), LocalEngine(num_workers))


def test_batches_travel_together_and_a_killer_in_one_is_found(tmp_path):
    worker = job_workers.CallsBatchKiller(tmp_path)
    jobs = list(in_batches(jobs_of("a", "b", "kill", "c", "d", "e"), 4))
    assert [len(batch) for batch in jobs] == [4, 2]
    results = run(worker, jobs, LocalEngine(2))
    assert results.pop("kill").status == "killed"
    assert {key: result.value for key, result in results.items()} == {k: k for k in "abcde"}
    calls = {path.name: path.read_text() for path in tmp_path.iterdir()}
    # Once in the batch and once apart, those of the other batch once; the killer a third time.
    assert calls == {"a": "xx", "b": "xx", "kill": "xxx", "c": "x", "d": "x", "e": "x"}


def test_a_batch_goes_through_one_process_in_its_order():
    counted = [
        result.value
        for result in run_jobs(
            job_workers.Counter(), in_batches(jobs_of(*range(12)), 6), LocalEngine(2)
        )
    ]
    for batch in (counted[:6], counted[6:]):
        assert len({pid for pid, _, _ in batch}) == 1
        assert [num_calls for *_, num_calls in batch] == sorted(num for *_, num in batch)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_jobs_are_taken_a_few_ahead(num_workers):
    taken = itertools.count()
    endless = (Job(str(number), number) for number in taken)
    results = run_jobs(job_workers.double, endless, LocalEngine(num_workers))
    for _ in range(50):
        next(results)
    results.close()
    assert next(taken) <= 50 + 2 * max(num_workers, 1) + 1


def test_processes_use_one_thread_and_import_no_more_than_the_worker_needs():
    results = run(job_workers.num_threads_of_cv2, jobs_of(1, 2, 3, 4), LocalEngine(2))
    assert {result.value for result in results.values()} == {1}
    results = run(job_workers.loaded_modules, jobs_of(1), LocalEngine(1, 30))
    assert results["1"].value == []


def test_a_library_that_is_loaded_already_gets_one_thread():
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(3)
        process = WorkerProcess(pickle.dumps(job_workers.num_threads_of_cv2))
        assert [answer["value"] for answer in pickle.loads(process(pickle.dumps([1])))] == [1]
    finally:
        cv2.setNumThreads(before)


def test_a_process_that_hangs_ends_at_the_first_signal():
    # pebble's own handler would run in Python, and be killed three seconds later.
    assert run(job_workers.ends_at_sigterm, jobs_of(1), LocalEngine(1, 30))["1"].value is True


def test_a_consumer_that_stops_leaves_no_process_and_loses_nothing(tmp_path):
    before = children()
    with Journal(tmp_path / "journal.jsonl") as journal:
        results = run_jobs(job_workers.act, jobs_of(*range(50)), LocalEngine(2), journal)
        done = {next(results).key for _ in range(5)}
        time.sleep(0.5)  # Two jobs each end that the consumer does not take.
        results.close()
    assert not children() - before
    lines = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert {line["key"] for line in lines} > done
    with Journal(tmp_path / "journal.jsonl") as journal:
        again = list(run_jobs(job_workers.act, jobs_of(*range(50)), LocalEngine(2), journal))
    assert sum(result.is_known for result in again) == len(lines)
    assert {result.value for result in again} == set(range(50))


def test_an_error_of_the_consumer_leaves_no_process():
    before = children()

    def consume():
        for result in run_jobs(job_workers.act, jobs_of(*range(50)), LocalEngine(2)):
            raise ZeroDivisionError(result.key)

    with pytest.raises(ZeroDivisionError):
        consume()
    wait_until(lambda: not children() - before)


SCRIPT = """
import signal, sys
import job_workers
from macbdf_mm.errors import UnwritableFileError
from macbdf_mm.utils.jobs import Job, run_jobs
from macbdf_mm.utils.journal import Journal
from macbdf_mm.utils.local_engine import LocalEngine

if __name__ == "__main__":
    # A shell starts what runs in its background with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder, how = sys.argv[1:]
    jobs = [Job(f"{n}", n) for n in range(8)]
    with Journal(folder + "/journal.jsonl") as journal:
        for result in run_jobs(job_workers.act, jobs, LocalEngine(2), journal):
            pass
        jobs = [Job(f"pid{n}", (f"{folder}/pid{n}", how)) for n in range(2)]
        for result in run_jobs(job_workers.note_and_wait, jobs, LocalEngine(2), journal):
            pass
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("how", ["hang", "hang with the lock of Python"])
def test_children_end_with_their_parent_and_the_journal_stays(tmp_path, end, how):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path), how],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    marks = [tmp_path / "pid0", tmp_path / "pid1"]
    wait_until(lambda: all(mark.exists() and mark.read_text() for mark in marks), 60)
    pids = [int(mark.read_text()) for mark in marks]
    assert all(map(is_alive, pids))
    process.send_signal(end)
    assert process.wait(20) != 0
    wait_until(lambda: not any(map(is_alive, pids)))
    lines = (tmp_path / "journal.jsonl").read_text().splitlines()
    assert {json.loads(line)["key"] for line in lines} == {str(n) for n in range(8)}


LATE_CHILD = """
import multiprocessing, os, sys, time
from pathlib import Path
from macbdf_mm.utils.lifeline import end_with_parent

def work(path):
    while os.getppid() == int(Path(path + ".parent").read_text()):
        time.sleep(0.02)
    Path(path + ".begun").touch()
    end_with_parent()
    Path(path + ".lives").touch()

if __name__ == "__main__":
    Path(sys.argv[1] + ".parent").write_text(str(os.getpid()))
    multiprocessing.get_context("spawn").Process(target=work, args=sys.argv[1:]).start()
    time.sleep(1)
    os._exit(0)
"""


def test_a_child_that_starts_after_the_end_of_its_parent_ends(tmp_path):
    script, mark = tmp_path / "script.py", tmp_path / "mark"
    script.write_text(LATE_CHILD)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, str(script), str(mark)], env=environment, check=True)
    wait_until(mark.with_name("mark.begun").exists)
    time.sleep(0.5)
    assert not mark.with_name("mark.lives").exists()


def test_the_journal_answers_what_was_done_or_failed_with_the_same_stamp(tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        first = run(job_workers.act, jobs_of(1, "fail", stamp=[5, 6]), LocalEngine(0), journal)
    assert not any(result.is_known for result in first.values())
    with Journal(path) as journal:
        again = run(job_workers.act, jobs_of(1, "fail", stamp=(5, 6)), LocalEngine(0), journal)
        stale = run(job_workers.act, jobs_of(1, stamp=[5, 7]), LocalEngine(0), journal)
    assert all(result.is_known for result in again.values())
    assert (again["1"].value, again["fail"].error) == (1, "This file is damaged.")
    assert again["fail"].status == "failed"
    assert not stale["1"].is_known


def test_failures_are_tried_again_if_asked_or_if_their_cause_passes(tmp_path):
    jobs = jobs_of("fail", "full disk", "no memory", "no memory for a library", 1)
    with Journal(tmp_path / "journal.jsonl") as journal:
        first = run(job_workers.act, jobs, LocalEngine(2), journal)
        assert {key: result.is_passing for key, result in first.items()} == {
            "fail": False,
            "full disk": True,
            "no memory": True,
            "no memory for a library": True,
            "1": False,
        }
        second = run(job_workers.act, jobs, LocalEngine(0), journal)
        third = run(
            job_workers.act,
            jobs,
            LocalEngine(0),
            journal,
            is_stale=lambda result: result.status == "failed",
        )
    known = [{key for key, result in run.items() if result.is_known} for run in (second, third)]
    assert known == [{"fail", "1"}, {"1"}]


def test_killed_jobs_and_those_that_timed_out_are_tried_again(tmp_path):
    jobs = jobs_of("hang", "kill")
    with Journal(tmp_path / "journal.jsonl") as journal:
        first = run(job_workers.act, jobs, LocalEngine(2, 0.6), journal)
        assert [first[key].status for key in ("hang", "kill")] == ["timed out", "killed"]
        names = job_workers.double  # Whatever is asked again is done this time.
        again = run(names, jobs, LocalEngine(2, 0.6), journal)
        assert not any(result.is_known for result in again.values())
        known = run(names, jobs, LocalEngine(2, 0.6), journal)
        assert [known[key].value for key in ("hang", "kill")] == ["hanghang", "killkill"]
        assert all(result.is_known for result in known.values())


@pytest.mark.parametrize("num_workers", [0, 2])
def test_what_cannot_be_written_ends_the_run_and_is_no_result(tmp_path, num_workers):
    path = tmp_path / "journal.jsonl"
    jobs = jobs_of(1, 2, "unwritable", 3)
    with (
        Journal(path) as journal,
        pytest.raises(UnwritableFileError, match=r"x\.mp4 cannot be written \(no space"),
    ):
        run(job_workers.act, jobs, LocalEngine(num_workers), journal)
    with Journal(path) as journal:
        assert journal.find("unwritable", None) is None
        assert run(job_workers.double, jobs, LocalEngine(0), journal)["unwritable"].value


def test_what_the_machine_refuses_is_tried_again(tmp_path):
    with Journal(tmp_path / "journal.jsonl") as journal:
        first = run(job_workers.act, jobs_of("locked"), LocalEngine(0), journal)["locked"]
        assert (first.status, first.is_passing) == ("failed", True)
        assert first.error == "[Errno 13] Permission denied: 'x.mp4'."
        assert not run(job_workers.double, jobs_of("locked"), LocalEngine(0), journal)[
            "locked"
        ].is_known


@pytest.mark.parametrize("how", ["hang", "hang with the lock of Python"])
def test_in_a_batch_each_job_has_the_whole_limit(how):
    calm = [jobs_of(*range(40))]  # 2 s in all.
    pids = run(job_workers.process_after, calm, LocalEngine(2, 1.0))
    assert len({result.value for result in pids.values()}) == 1  # None was tried apart.
    begin = time.monotonic()
    results = run(job_workers.act, [jobs_of(0, how, *range(1, 20))], LocalEngine(2, 1.0))
    assert {key for key, result in results.items() if result.status != "done"} == {how}
    assert results[how].error == f"{how}: not done within 1 s, in two attempts."
    assert time.monotonic() - begin < 15  # And not 20 s, the limits of all of them.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1,), "`num_workers` >= 0, got -1"),
        ((2, 0), "`time_limit_seconds` > 0, got 0"),
        ((0, 3.0), "`num_workers` >= 1 with a time limit, got 0"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        LocalEngine(*arguments)


def test_no_module_of_the_current_folder_is_run(tmp_path, monkeypatch):
    for name in ("multiprocessing", "selectors", "socket", "pickle"):
        (tmp_path / f"{name}.py").write_text(f"open('{tmp_path / 'was_run'}', 'w').close()")
    monkeypatch.chdir(tmp_path)
    assert run(job_workers.double, jobs_of(2), LocalEngine(2))["2"].value == 4
    assert not (tmp_path / "was_run").exists()
    assert "PYTHONSAFEPATH" not in os.environ
