"""Runs side by side, each in a process of its own on one core."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from studies.run_folder import RunFolder

_POLL_SECONDS = 0.2
_STOP_SECONDS = 10.0
# One computing thread: two runs then use two cores, and no sum depends on the number of cores.
_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class QueuedRun:
    """A run that waits.

    Attributes:
        label: What it is called in messages.
        folder: Where its config lies.
    """

    label: str
    folder: RunFolder


def run_all(
    runs: Sequence[QueuedRun],
    num_jobs: int,
    report: Callable[[str], None],
    expected_seconds: float | None = None,
    inherited: Iterable[int] = (),
) -> list[QueuedRun]:
    """Return the runs that failed; the others have a result afterwards.

    A run that fails is named with its last words, and the others go on. If this process is
    interrupted, the running ones are stopped; they start anew the next time.

    Args:
        runs: What to run, in this order.
        num_jobs: How many at the same time.
        report: Gets a line whenever a run begins or ends.
        expected_seconds: Of one run, if known from earlier ones.
        inherited: File descriptors that the processes hold open as long as they live.

    Raises:
        ValueError: If ``num_jobs`` is not positive.
    """
    if num_jobs < 1:
        raise ValueError(f"Expected `num_jobs` > 0, got {num_jobs}.")
    waiting, failed = list(runs), []
    running: dict[QueuedRun, tuple[subprocess.Popen[bytes], float]] = {}
    durations = [] if expected_seconds is None else [expected_seconds]
    num_ended = 0
    try:
        while waiting or running:
            while waiting and len(running) < num_jobs:
                run = waiting.pop(0)
                report(f"{run.label}: begins")
                running[run] = (_start(run.folder, inherited), time.monotonic())
            time.sleep(_POLL_SECONDS)
            for run in [run for run, (process, _) in running.items() if process.poll() is not None]:
                process, begin = running.pop(run)
                seconds = time.monotonic() - begin
                num_ended += 1
                if process.returncode == 0:
                    durations.append(seconds)
                    words = f"done in {seconds:.0f} s"
                else:
                    failed.append(run)
                    words = (
                        f"FAILED with exit code {process.returncode}: "
                        f"{run.folder.last_words()} (all of it in {run.folder.log})"
                    )
                left = time_left(durations, len(waiting), len(running), num_jobs)
                report(f"[{num_ended}/{len(runs)}] {run.label}: {words}{left}")
    finally:
        _stop([process for process, _ in running.values()])
    return failed


def _start(folder: RunFolder, inherited: Iterable[int]) -> subprocess.Popen[bytes]:
    # What an earlier, unfinished attempt has logged belongs to other weights.
    shutil.rmtree(folder.training, ignore_errors=True)
    root = str(Path(__file__).parents[1])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        **os.environ,
        **dict.fromkeys(_ONE_THREAD, "1"),
        "PYTHONPATH": os.pathsep.join(paths),
    }
    command = [sys.executable, "-W", "ignore", "-m", "studies.train_run"]
    with folder.log.open("wb") as log:
        return subprocess.Popen(
            [*command, str(folder.path)],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            pass_fds=tuple(inherited),
        )


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def time_left(durations: Sequence[float], num_waiting: int, num_running: int, num_jobs: int) -> str:
    """Return the end of a line that says how long the rest will take, '' if nothing is known.

    Args:
        durations: Seconds of the runs so far.
        num_waiting: Runs that wait.
        num_running: Runs in progress.
        num_jobs: Runs at the same time.
    """
    num_left = num_waiting + num_running
    if not durations or not num_left:
        return ""
    # A run in progress is on average half done.
    seconds = sum(durations) / len(durations) * (num_waiting + num_running / 2) / num_jobs
    return f"; about {max(1, round(seconds / 60))} min left for {num_left} runs"
