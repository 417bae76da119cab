"""The runs of a study: their folders, whether their results hold, and how they are trained."""

import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from macbdf_mm.errors import ArgumentError
from macbdf_mm.utils.files import write_json
from studies.fingerprint import run_fingerprint
from studies.study import Variant
from studies.study_config import VariantConfig

RUNS_FOLDER = "runs"
_STALE_FOLDER = "stale"
_SILENCE = "nothing was printed"
_POLL_SECONDS = 0.2
_STOP_SECONDS = 10.0
# One computing thread: two runs then use two cores, and no sum depends on the number of cores.
_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class RunFolder:
    """Paths of the files of a run.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def config(self) -> Path:
        """The config that is trained, complete."""
        return self.path / "config.py"

    @property
    def log(self) -> Path:
        """What the process printed."""
        return self.path / "log.txt"

    @property
    def training(self) -> Path:
        """The folder that MMEngine's runner writes to."""
        return self.path / "training"

    @property
    def result(self) -> Path:
        """The result; there only if the run is finished."""
        return self.path / "result.json"

    def read_result(self) -> dict[str, Any] | None:
        """Return the result, None while there is none."""
        if not self.result.is_file():
            return None
        result: dict[str, Any] = json.loads(self.result.read_text(encoding="utf-8"))
        return result

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Write the result; a process killed meanwhile leaves none."""
        write_json(without_nan(result), self.result)

    def last_words(self) -> str:
        """Return the last line of the log that is not empty, or that there is none."""
        if not self.log.is_file():
            return _SILENCE
        lines = self.log.read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), _SILENCE)


@dataclass(frozen=True, eq=False)
class PlannedRun:
    """One variant with one seed.

    Attributes:
        variant: What is trained.
        seed: Its seed.
        folder: Where it lies.
        cfg: Its config.
        fingerprint: The digests of what its result follows from.
    """

    variant: Variant
    seed: int
    folder: RunFolder
    cfg: Config
    fingerprint: Mapping[str, str]

    @property
    def label(self) -> str:
        """What it is called in messages."""
        return f"{self.variant.name}, seed {self.seed}"

    def changes(self) -> list[str] | None:
        """Return which of config, data and code have changed since its result; None without one."""
        result = self.folder.read_result()
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
        return self.folder.read_result()

    def prepare(self) -> None:
        """Write its config, and put a result that no longer holds aside."""
        self.folder.path.mkdir(parents=True, exist_ok=True)
        if self.folder.result.is_file():
            old = self.folder.read_result() or {}
            stale = self.folder.path / _STALE_FOLDER
            stale.mkdir(exist_ok=True)
            name = "_".join(old["fingerprint"].values())
            self.folder.result.rename(stale / f"{name}.json")
        self.cfg.dump(str(self.folder.config))


def run_folder(work_dir: Path, variant: str, seed: int) -> RunFolder:
    """Return the folder of a run in the folder of its study."""
    return RunFolder(work_dir / RUNS_FOLDER / variant / f"seed_{seed}")


def plan_runs(
    variants: Mapping[str, tuple[Variant, VariantConfig]],
    seeds: Mapping[str, Sequence[int]],
    work_dir: Path,
) -> list[PlannedRun]:
    """Return the runs of some variants, seed by seed: an early table then has all variants.

    Args:
        variants: The variants and their configs, by name.
        seeds: The seeds of each.
        work_dir: The folder of the study.
    """
    runs = []
    all_seeds = sorted({seed for name in variants for seed in seeds[name]})
    for seed in all_seeds:
        for name, (variant, config) in variants.items():
            if seed in seeds[name]:
                cfg = config.with_seed(seed)
                folder = run_folder(work_dir, name, seed)
                runs.append(PlannedRun(variant, seed, folder, cfg, run_fingerprint(cfg)))
    return runs


def run_all(
    runs: Sequence[PlannedRun],
    num_jobs: int,
    report: Callable[[str], None],
    expected_seconds: float | None = None,
    inherited: Iterable[int] = (),
) -> list[PlannedRun]:
    """Return the runs that failed; the others have a result afterwards.

    Each runs in a process of its own, on one core. One that fails is named with its last words,
    and the others go on. If this process is interrupted, the running ones are stopped; they start
    anew the next time.

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
        raise ArgumentError(f"Expected `num_jobs` > 0, got {num_jobs}.")
    waiting, failed = list(runs), []
    running: dict[PlannedRun, tuple[subprocess.Popen[bytes], float]] = {}
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
    command = [sys.executable, "-P", "-W", "ignore", "-m", "studies.train_run"]
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


def without_nan(value: Any) -> Any:
    """Return a plain value with None where a number is not finite, which JSON does not have."""
    if isinstance(value, Mapping):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
