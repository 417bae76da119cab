"""Looking into many files in parallel, with a journal to go on from."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from macbdf_mm.media.comparison import inspect_tracks
from macbdf_mm.media.probe import inspect_headers
from macbdf_mm.prepare.converters.journal import Journal
from macbdf_mm.prepare.converters.media_tree import FileStamp, MediaTree

# A job's results: one for each of its files, plain values that JSON holds.
Results = list[dict[str, Any]]
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is, and how much there is in all."""

# Opening takes half a millisecond, so a job of one file would mostly be waiting.
_HEADERS_A_JOB = 64


@dataclass(frozen=True)
class Job:
    """Files that are looked into together.

    Attributes:
        files: The arguments of the work.
        answered: The files that its results belong to.
    """

    files: tuple[str, ...]
    answered: tuple[str, ...]


def read_headers(
    files: Iterable[str], tree: MediaTree, journal: Journal, num_workers: int, progress: Progress
) -> dict[str, dict[str, Any]]:
    """Return the fields of the header of each file, or its ``error``.

    Args:
        files: Media files of the tree.
        tree: Where they lie.
        journal: What is known already, and where to keep what is found.
        num_workers: Processes; 0 or 1 looks in this one.
        progress: Told after each job.
    """
    stamps = {file: (tree.media[file],) for file in files}
    todo = _unknown("headers", stamps, journal)
    chunks = [tuple(todo[k : k + _HEADERS_A_JOB]) for k in range(0, len(todo), _HEADERS_A_JOB)]
    jobs = [Job(chunk, chunk) for chunk in chunks]
    _run("headers", inspect_headers, jobs, stamps, tree, journal, num_workers, progress)
    return _known("headers", stamps, journal)


def compare_tracks(
    fakes: Mapping[str, Sequence[str]],
    tree: MediaTree,
    journal: Journal,
    num_workers: int,
    progress: Progress,
) -> dict[str, dict[str, Any]]:
    """Return for each fake how its tracks differ from those of its original.

    Args:
        fakes: Original -> the fakes made from it; each original is decoded once.
        tree: As in :func:`read_headers`, as the rest.
        journal: Likewise.
        num_workers: Likewise.
        progress: Likewise.
    """
    stamps = {
        fake: (tree.media[fake], tree.media[original])
        for original, clips in fakes.items()
        for fake in clips
    }
    todo = set(_unknown("comparisons", stamps, journal))
    jobs = []
    for original, clips in fakes.items():
        new = tuple(fake for fake in clips if fake in todo)
        if new:
            jobs.append(Job((original, *new), new))
    _run("comparisons", inspect_tracks, jobs, stamps, tree, journal, num_workers, progress)
    return _known("comparisons", stamps, journal)


Stamps = Mapping[str, tuple[FileStamp, ...]]


def _unknown(kind: str, stamps: Stamps, journal: Journal) -> list[str]:
    return [file for file, stamp in stamps.items() if journal.get(kind, file, stamp) is None]


def _known(kind: str, stamps: Stamps, journal: Journal) -> dict[str, dict[str, Any]]:
    return {file: journal.get(kind, file, stamp) or {} for file, stamp in stamps.items()}


def _run(
    kind: str,
    work: Callable[[str, Sequence[str]], Results],
    jobs: Sequence[Job],
    stamps: Stamps,
    tree: MediaTree,
    journal: Journal,
    num_workers: int,
    progress: Progress,
) -> None:
    finished = len(stamps) - sum(len(job.answered) for job in jobs)
    progress(kind, finished, len(stamps))
    for job, results in _run_all(work, str(tree.root), jobs, num_workers):
        answers = zip(job.answered, results, strict=True)
        journal.put(kind, ((file, stamps[file], result) for file, result in answers))
        finished += len(job.answered)
        progress(kind, finished, len(stamps))


def _run_all(
    work: Callable[[str, Sequence[str]], Results],
    root: str,
    jobs: Sequence[Job],
    num_workers: int,
) -> Iterator[tuple[Job, Results]]:
    """Yield each job with its results, in the order of completion."""
    if num_workers <= 1:
        for job in jobs:
            yield job, work(root, job.files)
        return
    broken: list[Job] = []
    with _pool(num_workers) as pool:
        futures: dict[Future[Results], Job] = {
            pool.submit(work, root, job.files): job for job in jobs
        }
        try:
            for future in as_completed(futures):
                try:
                    yield futures[future], future.result()
                except BrokenProcessPool:
                    broken.append(futures[future])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    # A process died, and took all others' work along: each file alone shows which one it was.
    for job in broken:
        yield job, _run_apart(work, root, job)


def _run_apart(work: Callable[[str, Sequence[str]], Results], root: str, job: Job) -> Results:
    results: Results = []
    shared = job.files[: len(job.files) - len(job.answered)]
    for file in job.answered:
        with _pool(1) as pool:
            try:
                results += pool.submit(work, root, (*shared, file)).result()
            except BrokenProcessPool:
                results.append({"error": f"{file}: reading it kills the process."})
    return results


def _pool(num_workers: int) -> ProcessPoolExecutor:
    # Forked children inherit locks of whatever threads run here: start afresh.
    return ProcessPoolExecutor(num_workers, multiprocessing.get_context("spawn"))
