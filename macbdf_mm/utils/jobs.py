"""Many independent jobs, any of which may fail, hang or kill its process."""

import errno
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, Protocol

from macbdf_mm.errors import ForgeryToolboxError, UnwritableFileError
from macbdf_mm.utils.files import DISK_FULL
from macbdf_mm.utils.journal import Journal

Status = Literal["done", "failed", "killed", "timed out"]
Worker = Callable[[Any], Any]
"""Called with the argument of a job, in any process: it can be pickled. If it has a method
``start``, that is called once in each process, before the first job and outside its time limit:
the place to load a model."""

# What is wrong with the machine today, and says nothing about the file.
_PASSING = {
    *(errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN),
    *(*DISK_FULL, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM),
}


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work.

    Attributes:
        key: Its name, one of its own in the run: the path of a file, say.
        argument: What the worker is called with; it can be pickled.
        stamp: What the result depends on beside the key, as JSON holds it: size and time of
            change of the file, settings. A journal's result with another stamp is not used.
    """

    key: str
    argument: Any
    stamp: Any = None


@dataclass(frozen=True)
class Result:
    """What came of a job.

    Attributes:
        job: The job.
        status: ``done``; ``failed``: the worker raised an error of :mod:`macbdf_mm.errors`;
            ``killed``: the process ended; ``timed out``.
        value: What the worker returned, if it is done.
        error: One sentence, if it is not.
        is_known: Whether it comes from the journal.
        is_passing: Whether the reason of a failure lies with the machine, such as a full disk.
    """

    job: Job
    status: Status
    value: Any = None
    error: str | None = None
    is_known: bool = False
    is_passing: bool = False

    @property
    def key(self) -> str:
        """The key of the job."""
        return self.job.key

    @classmethod
    def of(cls, job: Job, answer: "Answer", is_known: bool = False) -> "Result":
        """Return the result that an answer is."""
        value, error, is_passing = map(answer.get, ("value", "error", "is_passing"))
        return cls(job, answer["status"], value, error, is_known, bool(is_passing))


Answer = dict[str, Any]
"""What is said of one job, by a worker process and in the journal: the ``status``, and the
``value`` or the ``error`` and whether it ``is_passing``."""


@dataclass(frozen=True)
class Death:
    """A process did not give an answer.

    Attributes:
        status: Whether it ended, or was stopped at the time limit.
        reason: What happened, as the rest of a sentence that names the job.
        is_innocent: Whether the job cannot be the reason: its machine was lost, for example.
    """

    status: Literal["killed", "timed out"]
    reason: str
    is_innocent: bool = False


Outcome = list[Answer] | Death | Exception
"""Answers to a batch, or why there are none; an exception is a mistake in the worker."""


class Pool(Protocol):
    """Processes that wait for batches of arguments.

    Attributes:
        capacity: How many batches it wants to hold, so that no process waits.
    """

    capacity: int

    def submit(self, number: int, arguments: Sequence[Any], is_fresh: bool) -> None:
        """Take a batch.

        Args:
            number: Its name in :meth:`wait`.
            arguments: Of its jobs.
            is_fresh: Whether a new process, that has done nothing else, must do it.
        """

    def wait(self, is_blocking: bool = True) -> list[tuple[int, Outcome]]:
        """Return what has ended by number, at least one batch if it is blocking."""


class Engine(Protocol):
    """Where jobs run.

    Attributes:
        time_limit_seconds: How long one job may take.
    """

    time_limit_seconds: float | None

    def open(self, worker: Worker) -> AbstractContextManager[Pool]:
        """Return a pool of processes with this worker; leaving it ends them."""


def run_jobs(
    worker: Worker,
    jobs: Iterable[Job | Sequence[Job]],
    engine: Engine,
    journal: Journal | None = None,
    *,
    is_stale: Callable[[Result], bool] | None = None,
) -> Iterator[Result]:
    """Yield the result of each job as it comes; none of them can harm another.

    A job whose process ends or exceeds the time limit is tried a second time, in a new process;
    only then it is ``killed`` or ``timed out``. Jobs are taken as they are needed, a few ahead.

    What is done is in the journal before it is yielded, and also what was done when the consumer
    stops (Ctrl-C, an error, ``close()``). From the journal comes what was done or failed with the
    same stamp. Not believed, and done again, is what may be otherwise now: what was killed or
    timed out, and failures whose cause is a passing one, such as a missing permission.

    A worker that cannot write says nothing of its job, and the next one would fail alike: the run
    ends with its :class:`~macbdf_mm.errors.UnwritableFileError`.

    Args:
        worker: What does one job.
        jobs: What to do; can be a generator. Several small jobs in a list travel together, which
            saves time where each takes less than some milliseconds, and go through the same
            process in this order; if it ends, each is tried apart.
        engine: Where they run.
        journal: Results of earlier runs, and the place for those of this one. Values are then
            what JSON holds.
        is_stale: Called with each result of the journal; returns whether to do the job again, as
            when a file that it wrote is gone, or what failed is to be tried again.

    Raises:
        UnwritableFileError: If a worker cannot write a file, because the disk is full, say.
        Exception: What the worker raises, if it is no error of :mod:`macbdf_mm.errors`.
    """
    with engine.open(worker) as pool:
        run = _Run(pool, journal)
        try:
            for item in jobs:
                batch = []
                for job in [item] if isinstance(item, Job) else item:
                    known = _look_up(journal, job)
                    if known is None or (is_stale is not None and is_stale(known)):
                        batch.append(job)
                    else:
                        yield known
                if batch:
                    run.submit(batch)
                while len(run.held) >= pool.capacity:
                    yield from run.collect()
            while run.held:
                yield from run.collect()
        finally:
            # What is done is kept, however this ends.
            run.collect(is_blocking=False)


def in_batches(jobs: Iterable[Job], size: int) -> Iterator[list[Job]]:
    """Yield the jobs in lists of ``size``, the last one shorter."""
    jobs = iter(jobs)
    while batch := list(islice(jobs, size)):
        yield batch


class _Run:
    """The jobs that a pool holds, and what becomes of their outcomes."""

    def __init__(self, pool: Pool, journal: Journal | None) -> None:
        self._pool = pool
        self._journal = journal
        self.held: dict[int, tuple[list[Job], bool]] = {}
        self._num_submitted = 0

    def submit(self, jobs: list[Job], is_second: bool = False) -> None:
        self._num_submitted += 1
        self.held[self._num_submitted] = (jobs, is_second)
        self._pool.submit(self._num_submitted, [job.argument for job in jobs], is_second)

    def collect(self, is_blocking: bool = True) -> list[Result]:
        """Return new results, which are in the journal; see to whatever else has ended."""
        answers: list[tuple[Job, Answer]] = []
        mistake: Exception | None = None
        for number, outcome in self._pool.wait(is_blocking) if self.held else ():
            jobs, is_second = self.held.pop(number)
            if isinstance(outcome, Exception):
                mistake = mistake or outcome
            elif isinstance(outcome, Death):
                # Nothing can be said of these if the run is ending: they get no second try.
                answers += self._see_to(jobs, is_second, outcome) if is_blocking else ()
            else:
                answers += zip(jobs, outcome, strict=True)
        if self._journal is not None:
            for job, answer in answers:
                self._journal.add(job.key, job.stamp, answer)
        if mistake is not None and is_blocking:
            raise mistake
        return [Result.of(*pair) for pair in answers]

    def _see_to(self, jobs: list[Job], is_second: bool, death: Death) -> list[tuple[Job, Answer]]:
        if death.is_innocent:
            self.submit(jobs, is_second)
        elif len(jobs) > 1:
            for job in jobs:
                self.submit([job])
        elif not is_second:
            self.submit(jobs, is_second=True)
        else:
            error = f"{jobs[0].key}: {death.reason}, in two attempts."
            return [(jobs[0], {"status": death.status, "error": error})]
        return []


def _look_up(journal: Journal | None, job: Job) -> Result | None:
    """Return the result that the journal has of a job, if it still holds."""
    entry = None if journal is None else journal.find(job.key, job.stamp)
    if entry is None:
        return None
    status = entry["status"]
    holds = status == "done" or (status == "failed" and not entry.get("is_passing"))
    return Result.of(job, entry, is_known=True) if holds else None


class WorkerProcess:
    """What a process of any engine does: it starts the worker, and calls it.

    Args:
        worker: The pickled worker.
        time_limit_seconds: How long one job of a batch may take.
    """

    def __init__(self, worker: bytes, time_limit_seconds: float | None = None) -> None:
        self._time_limit_seconds = time_limit_seconds
        self._error: Exception | None = None
        try:
            self._worker: Worker = pickle.loads(worker)
            start_worker(self._worker)
        except Exception as error:  # Raised with the first batch: a pool would only say "died".
            self._error = portable(error)

    def __call__(self, arguments: bytes) -> bytes:
        """Return the pickled answers to a batch, or the error that is nobody's but ours."""
        try:
            if self._error is not None:
                raise self._error
            use_one_thread()
            batch = pickle.loads(arguments)
            # Who has started the process stops it if its only job takes too long.
            limit = self._time_limit_seconds if len(batch) > 1 else None
            return pickle.dumps(answer_batch(self._worker, batch, limit))
        except Exception as error:
            return pickle.dumps(portable(error))


def start_worker(worker: Worker) -> None:
    """Call the worker's ``start``, if it has one."""
    start = getattr(worker, "start", None)
    if start is not None:
        start()


def answer_batch(
    worker: Worker, arguments: Sequence[Any], time_limit_seconds: float | None = None
) -> list[Answer]:
    """Return the answer of a worker to each argument.

    Args:
        worker: What is called.
        arguments: One after the other.
        time_limit_seconds: The process ends (SIGALRM) if one of them takes longer.

    Raises:
        UnwritableFileError: If the worker cannot write: that is no answer.
    """
    answers: list[Answer] = []
    for argument in arguments:
        try:
            with _alarm(time_limit_seconds):
                answers.append({"status": "done", "value": worker(argument)})
        except UnwritableFileError:
            raise
        except ForgeryToolboxError as error:
            passes = is_passing(error)
            answers.append({"status": "failed", "error": str(error), "is_passing": passes})
        except MemoryError:
            reason = "It needs more memory than there is."
            answers.append({"status": "failed", "error": reason, "is_passing": True})
        except OSError as error:
            if error.errno in DISK_FULL or not is_passing(error):
                raise
            answers.append({"status": "failed", "error": f"{error}.", "is_passing": True})
        except SystemExit as error:  # It would end the command, without a word.
            raise RuntimeError(f"A worker called `sys.exit({error.code!r})`.") from error
    return answers


@contextmanager
def _alarm(seconds: float | None) -> Iterator[None]:
    """End the process if the block takes longer; Python's lock may be held meanwhile."""
    if seconds is None:
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def portable(error: Exception) -> Exception:
    """Return an error that can be pickled and carries its traceback as a note."""
    trace = "".join(traceback.format_exception(error))
    try:
        error.add_note(f"In a worker process:\n{trace}")
        copy = pickle.loads(pickle.dumps(error))
        if type(copy) is type(error):
            return error
    except Exception:  # Pickling runs code of others, which may raise anything.
        pass
    return RuntimeError(f"A worker raised an error that cannot be pickled:\n{trace}")


def use_one_thread() -> None:
    """Limit OpenCV and PyTorch to one thread where they are loaded: processes fill the cores."""
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def describe_exit(code: int) -> str:
    """Return how a process ended: by which signal, or with which exit code."""
    if code >= 0:
        return f"its process ended with exit code {code}"
    try:
        return f"its process was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"its process was ended by signal {-code}"


def is_passing(error: BaseException | None) -> bool:
    """Return whether an error, or one that it came from, lies with the machine of today."""
    while error is not None:
        if isinstance(error, MemoryError) or getattr(error, "is_passing", False):
            return True
        if isinstance(error, OSError) and error.errno in _PASSING:
            return True
        error = error.__cause__ or error.__context__
    return False
