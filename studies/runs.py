"""The runs of a study: their folders, whether their results hold, and how they are trained."""

import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from macbdf_mm.errors import ArgumentError
from macbdf_mm.utils.files import write_atomically
from studies.fingerprint import run_fingerprint
from studies.study_config import VariantConfig

RUNS_FOLDER = "runs"
# In the folder of a run: the whole config; what MMEngine's runner writes; what the process
# prints; and the result, which is there only if the run is finished.
CONFIG_FILE = "config.py"
TRAINING_FOLDER = "training"
_LOG_FILE = "log.txt"
RESULT_FILE = "result.json"
_STALE_FOLDER = "stale"
_SILENCE = "nothing was printed"
_POLL_SECONDS = 0.2
_STOP_SECONDS = 10.0
# One computing thread: two runs then use two cores, and no sum depends on the number of cores.
_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def run_folder(work_dir: Path, variant: str, seed: int) -> Path:
    """Return the folder of a run in the folder of its study."""
    return work_dir / RUNS_FOLDER / variant / f"seed_{seed}"


def read_result(folder: Path) -> dict[str, Any] | None:
    """Return the result of the run in a folder, None while there is none."""
    path = folder / RESULT_FILE
    result: dict[str, Any] | None = None
    if path.is_file():
        result = json.loads(path.read_text(encoding="utf-8"))
    return result


def last_words(log: Path) -> str:
    """Return the last line of a log that is not empty, or that there is none."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    return ([_SILENCE, *filter(None, map(str.strip, text.split("\n")))])[-1]


def tell(line: str) -> None:
    """Print a line at once, into a log too."""
    print(line, flush=True)


@dataclass(frozen=True, eq=False)
class PlannedRun:
    """One variant with one seed.

    Attributes:
        variant: Name of what is trained.
        seed: Its seed.
        folder: Where it lies.
        cfg: Its config.
        fingerprint: The digests of what its result follows from.
    """

    variant: str
    seed: int
    folder: Path
    cfg: Config
    fingerprint: Mapping[str, str]

    @property
    def label(self) -> str:
        """What it is called in messages."""
        return f"{self.variant}, seed {self.seed}"

    def changes(self) -> list[str] | None:
        """Return which of config, data and code have changed since its result; None without one."""
        result = read_result(self.folder)
        if result is None:
            return None
        found = result["fingerprint"]
        return [part for part, digest in self.fingerprint.items() if found.get(part) != digest]

    def valid_result(self, accept_other_code: bool = False) -> dict[str, Any] | None:
        """Return its result, None if there is none that still holds.

        Args:
            accept_other_code: Whether a result of other code holds too.
        """
        changes = self.changes()
        if changes is None or set(changes) - ({"code"} if accept_other_code else set()):
            return None
        return read_result(self.folder)

    def prepare(self) -> None:
        """Write its config, and put a result that no longer holds aside, which is said."""
        self.folder.mkdir(parents=True, exist_ok=True)
        old = read_result(self.folder)
        if old is not None:
            tell(
                f"{self.label}: {' and '.join(self.changes() or ())} changed since its result; it "
                "is trained again, and the old result is put aside"
            )
            stale = self.folder / _STALE_FOLDER
            stale.mkdir(exist_ok=True)
            name = "_".join(old["fingerprint"].values())
            (self.folder / RESULT_FILE).rename(stale / f"{name}.json")
        write_atomically(self.cfg.pretty_text, self.folder / CONFIG_FILE)


def plan_runs(
    configs: Mapping[str, VariantConfig], seeds: Mapping[str, Sequence[int]], work_dir: Path
) -> list[PlannedRun]:
    """Return the runs of some variants, seed by seed: an early table then has all variants.

    Args:
        configs: Of the variants, by name.
        seeds: The seeds of each.
        work_dir: The folder of the study.
    """
    runs = []
    for seed in sorted({seed for name in configs for seed in seeds[name]}):
        for name, config in configs.items():
            if seed in seeds[name]:
                cfg = config.with_seed(seed)
                folder = run_folder(work_dir, name, seed)
                runs.append(PlannedRun(name, seed, folder, cfg, run_fingerprint(cfg)))
    return runs


def run_all(
    runs: Sequence[PlannedRun], num_jobs: int, inherited: Iterable[int] = ()
) -> list[PlannedRun]:
    """Return the runs that failed; the others have a result afterwards.

    Each runs in a process of its own, on one core, and a line says when it begins and ends. One
    that fails is named with its last words, and the others go on. If this process is
    interrupted, the running ones are stopped; they start anew the next time.

    Args:
        runs: What to run, in this order.
        num_jobs: How many at the same time.
        inherited: File descriptors that the processes hold open as long as they live.

    Raises:
        ArgumentError: If ``num_jobs`` is not positive.
    """
    if num_jobs < 1:
        raise ArgumentError(f"Expected `num_jobs` > 0, got {num_jobs}.")
    waiting, failed = list(runs), []
    running: dict[PlannedRun, tuple[subprocess.Popen[bytes], float]] = {}
    durations: list[float] = []
    try:
        while waiting or running:
            while waiting and len(running) < num_jobs:
                run = waiting.pop(0)
                tell(f"{run.label}: begins")
                running[run] = (_start(run.folder, inherited), time.monotonic())
            time.sleep(_POLL_SECONDS)
            for run in [run for run, (process, _) in running.items() if process.poll() is not None]:
                process, begin = running.pop(run)
                seconds = time.monotonic() - begin
                if process.returncode == 0:
                    durations.append(seconds)
                    words = f"done in {seconds:.0f} s"
                else:
                    failed.append(run)
                    log = run.folder / _LOG_FILE
                    words = (
                        f"FAILED with exit code {process.returncode}: {last_words(log)} "
                        f"(all of it in {log})"
                    )
                left = time_left(durations, len(waiting), len(running), num_jobs)
                num_ended = len(runs) - len(waiting) - len(running)
                tell(f"[{num_ended}/{len(runs)}] {run.label}: {words}{left}")
    finally:
        _stop([process for process, _ in running.values()])
    return failed


def _start(folder: Path, inherited: Iterable[int]) -> subprocess.Popen[bytes]:
    # What an earlier, unfinished attempt has logged belongs to other weights.
    shutil.rmtree(folder / TRAINING_FOLDER, ignore_errors=True)
    root = str(Path(__file__).parents[1])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        **os.environ,
        **dict.fromkeys(_ONE_THREAD, "1"),
        "PYTHONPATH": os.pathsep.join(paths),
    }
    command = [sys.executable, "-P", "-W", "ignore", "-m", "studies.train_run"]
    with (folder / _LOG_FILE).open("wb") as log:
        return subprocess.Popen(
            [*command, str(folder)],
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


def without_nan(value: Any) -> Any:
    """Return a plain value with None where a number is not finite, which JSON does not have."""
    if isinstance(value, Mapping):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
