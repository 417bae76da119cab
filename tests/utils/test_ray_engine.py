import os
import subprocess
import sys
import time
from pathlib import Path

import job_workers
import pytest

from macbdf_mm.errors import ConfigError
from macbdf_mm.utils.jobs import Job, run_jobs
from macbdf_mm.utils.journal import Journal

pytest.importorskip("ray")
from macbdf_mm.utils import ray_engine
from macbdf_mm.utils.ray_engine import RayEngine


@pytest.fixture(autouse=True)
def _path(path_for_other_processes):
    """Other processes find the modules of the tests."""


def jobs_of(*arguments):
    return [Job(str(argument), argument) for argument in arguments]


@pytest.mark.slow
def test_jobs_that_fail_kill_and_hang_do_so_as_locally(tmp_path):
    arguments = [*range(8), "fail", "exit 3", "hang"]
    with Journal(tmp_path / "journal.jsonl") as journal:
        results = list(run_jobs(job_workers.act, jobs_of(*arguments), RayEngine(2, 2.0), journal))
    assert {result.value for result in results if result.status == "done"} == set(range(8))
    others = {result.key: (result.status, result.error) for result in results}
    assert len(others) == len(results) == 11
    assert others["fail"] == ("failed", "This file is damaged.")
    reason = "its process ended with exit code 3, in two attempts."
    assert others["exit 3"] == ("killed", f"exit 3: {reason}")
    assert others["hang"] == ("timed out", "hang: not done within 2 s, in two attempts.")


def test_modules_in_the_current_folder_are_not_run(tmp_path):
    for name in ("selectors", "colorsys", "json", "uuid", "numpy", "pebble"):
        (tmp_path / f"{name}.py").write_text(f"open('ran', 'a').write({name!r})")
    code = (
        "import job_workers\n"
        "from macbdf_mm.utils.jobs import Job, run_jobs\n"
        "from macbdf_mm.utils.ray_engine import RayEngine\n"
        "for result in run_jobs(job_workers.loaded_modules, [Job('a', 1)], RayEngine(1)):\n"
        "    print(result.status, result.error)\n"
    )
    command = [sys.executable, "-P", "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.stdout == "done None\n", done.stderr[-1000:]
    assert not (tmp_path / "ran").exists()


def test_results_come_and_a_mistake_in_the_worker_is_raised_as_itself():
    values = []
    with pytest.raises(KeyError, match="a mistake"):  # noqa: PT012
        for result in run_jobs(job_workers.act, jobs_of(1, 2, 3, "mistake"), RayEngine(1)):
            values.append(result.value)
    assert values == [1, 2, 3]


def test_a_consumer_that_stops_loses_nothing_that_is_done(tmp_path):
    worker = job_workers.ActOnce(tmp_path)
    with Journal(tmp_path / "journal.jsonl") as journal:
        results = run_jobs(worker, jobs_of(*"abcdefghij"), RayEngine(3), journal)
        next(results)
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("[a-j]"))) < 4 and time.monotonic() < deadline:
            time.sleep(0.05)  # Processes may take seconds to start.
        time.sleep(1)
        results.close()
    # The one that was taken, and one of each process since.
    assert len((tmp_path / "journal.jsonl").read_text().splitlines()) == 4


def test_workers_that_never_start_end_the_run(monkeypatch):
    monkeypatch.setattr(ray_engine, "_Actor", job_workers.NoActor)
    with pytest.raises(ConfigError, match="cannot be started on the Ray cluster"):
        list(run_jobs(job_workers.double, jobs_of(1), RayEngine(1)))


def test_a_process_that_ray_ends_for_lack_of_memory_costs_its_job_a_try(monkeypatch):
    import ray
    from ray.exceptions import OutOfMemoryError

    get, calls = ray.get, []

    def run_out(call):
        found = get(call)
        calls.append(found)
        if len(calls) == 2:  # The first is the start.
            raise OutOfMemoryError("There is no memory left.")
        return found

    monkeypatch.setattr(ray, "get", run_out)
    results = list(run_jobs(job_workers.double, jobs_of(1, 2), RayEngine(1)))
    assert sorted(result.value for result in results) == [2, 4]


@pytest.mark.slow
def test_a_node_that_is_lost_loses_no_job_and_doubles_none(two_nodes, tmp_path):
    cluster, second = two_nodes
    engine = RayEngine(address=cluster.address)
    nodes, both, results, lost_at = set(), set(), [], None
    with Journal(tmp_path / "journal.jsonl") as journal:
        for result in run_jobs(job_workers.raylet, jobs_of(*range(60)), engine, journal):
            results.append(result)
            nodes.add(result.value)
            if lost_at is None and len(nodes) == 2:
                lost_at, both = len(results), set(nodes)
                time.sleep(0.5)
                cluster.remove_node(second, allow_graceful=False)
    assert lost_at is not None
    assert lost_at < 40
    assert sorted(int(result.key) for result in results) == list(range(60))
    assert {result.status for result in results} == {"done"}
    # After what was on its way, the rest is all done on the node that is left.
    last = {result.value for result in results[-10:]}
    assert len(last) == 1
    # What an actor of the lost node still answered may name the process that adopted it.
    assert all(Path(f"/proc/{pid}").exists() == (pid in last) for pid in both)
    lines = (tmp_path / "journal.jsonl").read_text().splitlines()
    assert len(lines) == 60
    with Journal(tmp_path / "journal.jsonl") as journal:
        again = list(run_jobs(job_workers.double, jobs_of(*range(60)), RayEngine(1), journal))
    assert all(result.is_known for result in again)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_workers": 0}, "`num_workers` >= 1 with Ray, got 0"),
        ({"time_limit_seconds": 0}, "`time_limit_seconds` > 0, got 0"),
        ({"gpus_per_worker": -1}, "`gpus_per_worker` >= 0, got -1"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RayEngine(**arguments)


def test_without_ray_the_extra_is_named(tmp_path):
    (tmp_path / "ray.py").write_text("raise ImportError('not here')")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ['PYTHONPATH']}"}
    script = (
        "from argparse import Namespace\n"
        "from macbdf_mm.errors import MissingBackendError\n"
        "from macbdf_mm.utils.engine_arguments import engine_from\n"
        "try:\n    engine_from(Namespace(engine='ray', num_workers=0, time_limit=None))\n"
        "except MissingBackendError as error:\n    print(error)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert "pip install 'macbdf_mm[ray]'" in ended.stdout
