"""Preparing clips in several processes, any of which a file may kill."""

import importlib
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import cv2

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import ConfigError
from macbdf_mm.prepare.faces.detector import FaceDetector
from macbdf_mm.prepare.faces.prepare_clip import ClipResult, PreparationSettings, prepare_clip
from macbdf_mm.registry import FACE_DETECTORS


@dataclass(frozen=True)
class ClipJob:
    """One clip to prepare: its row, its file, and the key of its result."""

    row: ClipRow
    path: Path
    key: str


class ClipWorker:
    """Prepares clips in this process, with one detector.

    Args:
        out_dir: Where crops go.
        settings: How.

    Raises:
        ConfigError: If the detector is not registered, or a module cannot be imported.
        MissingBackendError: If what the detector needs is not installed.
    """

    def __init__(self, out_dir: Path, settings: PreparationSettings) -> None:
        self.out_dir, self.settings = out_dir, settings
        self.detector = build_detector(settings)

    def __call__(self, job: ClipJob) -> ClipResult:
        """Return the result of a job."""
        return prepare_clip(job.row, job.path, job.key, self.out_dir, self.settings, self.detector)


def build_detector(settings: PreparationSettings) -> FaceDetector | None:
    """Return the detector that the settings name, None if they name none.

    Raises:
        ConfigError: If it is not registered, or a module cannot be imported.
        MissingBackendError: If what it needs is not installed.
    """
    try:
        for module in settings.imports:
            importlib.import_module(module)
    except ImportError as error:
        named = ", ".join(settings.imports)
        raise ConfigError(f"Module '{named}' of `--import` cannot be imported: {error}") from error
    if settings.detector is None:
        return None
    # Looked up by hand: MMEngine's own way imports torch, which a detector need not use.
    importlib.import_module("macbdf_mm.prepare.faces.mtcnn_detector")
    options = dict(settings.detector)
    name = options.pop("type", None)
    detector = FACE_DETECTORS.module_dict.get(str(name))
    if detector is None:
        known = ", ".join(sorted(FACE_DETECTORS.module_dict))
        raise ConfigError(
            f"There is no face detector '{name}'; registered are: {known}. A class of your own is "
            "registered by the module that `imports` (`--import`) names."
        )
    try:
        return detector(**options)
    except TypeError as error:
        raise ConfigError(f"`--detector-options` do not fit {name}: {error}.") from error


def run_jobs(
    jobs: Sequence[ClipJob], out_dir: Path, settings: PreparationSettings, num_workers: int
) -> Iterator[ClipResult]:
    """Yield the results in the order of completion.

    A file that kills a process fails with that as its reason; the others' work goes on.

    Args:
        jobs: What to do.
        out_dir: Where crops go.
        settings: How.
        num_workers: Processes; 0 or 1 works in this one.
    """
    # Built here first, whatever the number of processes: what is wrong with it is said at once.
    worker = ClipWorker(out_dir, settings)
    if num_workers <= 1:
        yield from map(worker, jobs)
        return
    del worker
    broken: list[ClipJob] = []
    with _pool(num_workers, out_dir, settings) as pool:
        futures: dict[Future[ClipResult], ClipJob] = {pool.submit(_work, job): job for job in jobs}
        try:
            for future in as_completed(futures):
                try:
                    yield future.result()
                except BrokenProcessPool:
                    broken.append(futures[future])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    # A process died and took the others' work along: each file alone shows which one it was.
    for job in broken:
        with _pool(1, out_dir, settings) as pool:
            try:
                yield pool.submit(_work, job).result()
            except BrokenProcessPool:
                yield ClipResult(
                    job.row.file, job.key, "failed", "reading it ends the process that reads it"
                )


_worker: ClipWorker | None = None


def _pool(num_workers: int, out_dir: Path, settings: PreparationSettings) -> ProcessPoolExecutor:
    # Forked children inherit torch's thread pool in an unusable state: start afresh.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(
        num_workers, context, initializer=_start_worker, initargs=(out_dir, settings)
    )


def _start_worker(out_dir: Path, settings: PreparationSettings) -> None:
    global _worker
    _worker = ClipWorker(out_dir, settings)
    # The processes already use every core. A detector need not use torch, whose import takes
    # longer than many a clip.
    cv2.setNumThreads(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _work(job: ClipJob) -> ClipResult:
    if _worker is None:
        raise RuntimeError("Expected the process to be started by `_start_worker`.")
    return _worker(job)
