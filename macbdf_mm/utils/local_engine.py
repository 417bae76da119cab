"""Jobs in processes of this machine, by pebble."""

import os
import pickle
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext, SpawnProcess
from queue import SimpleQueue
from typing import Any

from pebble import ProcessExpired, ProcessPool

from macbdf_mm.errors import ArgumentError
from macbdf_mm.utils.jobs import (
    Death,
    Outcome,
    Pool,
    Worker,
    WorkerProcess,
    answer_batch,
    describe_exit,
    start_worker,
)
from macbdf_mm.utils.lifeline import end_with_parent

# Pebble takes a death with exit code 0 for a farewell, and its job would never end.
_ENDED_WITH_ZERO = 256
# It learns which process has a job by a message, and of a death every 0.1 s by looking. A job that
# kills at once could be seen dead before the message has come, and would never end either.
_GRACE_SECONDS = 0.2
_MAX_BREAKS = 2
_SAFE_PATH = "PYTHONSAFEPATH"
_starting = threading.Lock()


class LocalEngine:
    """Processes of this machine.

    Args:
        num_workers: Processes. 0 works in this one. So does 1, where no job has to be stopped:
            without a time limit. A job in this process can crash and hang it.
        time_limit_seconds: How long one job may take; None for any time.

    Raises:
        ValueError: If a number is out of range, or a time limit is asked of no process.
    """

    def __init__(self, num_workers: int, time_limit_seconds: float | None = None) -> None:
        if num_workers < 0:
            raise ArgumentError(f"Expected `num_workers` >= 0, got {num_workers}.")
        if time_limit_seconds is not None and not time_limit_seconds > 0:
            raise ArgumentError(f"Expected `time_limit_seconds` > 0, got {time_limit_seconds}.")
        if time_limit_seconds is not None and num_workers == 0:
            raise ArgumentError(
                "Expected `num_workers` >= 1 with a time limit, got 0: a job in this process "
                "cannot be stopped."
            )
        self.num_workers = num_workers
        self.time_limit_seconds = time_limit_seconds

    @property
    def works_here(self) -> bool:
        """Whether jobs run in this process."""
        return self.num_workers == 0 or (self.num_workers == 1 and self.time_limit_seconds is None)

    @contextmanager
    def open(self, worker: Worker) -> Iterator[Pool]:
        """Give a pool of processes with this worker; leaving it ends them."""
        if self.works_here:
            yield _ThisProcess(worker)
            return
        pool = LocalProcesses(pickle.dumps(worker), self.num_workers, self.time_limit_seconds)
        try:
            yield pool
        finally:
            pool.close()


class _ThisProcess:
    """A pool without a process: it works when its answer is waited for."""

    capacity = 1

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._is_started = False
        self._waiting: deque[tuple[int, Sequence[Any]]] = deque()

    def submit(self, number: int, arguments: Sequence[Any], is_fresh: bool) -> None:
        self._waiting.append((number, arguments))

    def wait(self, is_blocking: bool = True) -> list[tuple[int, Outcome]]:
        if not is_blocking:
            return []
        if not self._is_started:
            start_worker(self._worker)
            self._is_started = True
        number, arguments = self._waiting.popleft()
        return [(number, answer_batch(self._worker, arguments))]


class LocalProcesses:
    """Pebble's pool, and one of a single process for each second try.

    Args:
        worker: The pickled worker: what cannot be pickled has raised the usual error by now.
        num_workers: Processes.
        time_limit_seconds: Of each job of a batch.
    """

    def __init__(self, worker: bytes, num_workers: int, time_limit_seconds: float | None) -> None:
        self._worker = worker
        self._num_workers = num_workers
        self._time_limit_seconds = time_limit_seconds
        with safe_path():
            resource_tracker.ensure_running()
        # One more for each process: none waits for the consumer between two jobs.
        self.capacity = 2 * num_workers
        self._main = self._make(num_workers)
        self._fresh: dict[int, ProcessPool] = {}
        self._waiting_for_fresh: deque[tuple[int, bytes]] = deque()
        self._ended: SimpleQueue[tuple[int, ProcessPool, Future[bytes]]] = SimpleQueue()
        self._futures: dict[int, Future[bytes]] = {}
        self._num_breaks = 0

    def submit(self, number: int, arguments: Sequence[Any], is_fresh: bool) -> None:
        """Take a batch, as any pool does."""
        pickled = pickle.dumps(arguments)
        if is_fresh:
            self._waiting_for_fresh.append((number, pickled))
            self._start_fresh()
            return
        with _refusal_as_itself():  # Asking starts a pool that is new.
            is_running = self._main.active
        if not is_running:
            error = self._mend(self._main, BrokenProcessPool("one ended while it was idle"))
            if isinstance(error, Exception):
                raise error
        self._schedule(self._main, number, pickled, len(arguments))

    def wait(self, is_blocking: bool = True) -> list[tuple[int, Outcome]]:
        """Return what has ended, as any pool does."""
        outcomes = []
        while is_blocking or not self._ended.empty():
            is_blocking = False
            number, pool, future = self._ended.get()
            self._futures.pop(number, None)
            outcomes.append((number, self._outcome(pool, future)))
            if number in self._fresh:
                _end(self._fresh.pop(number))
        self._start_fresh()
        return outcomes

    def cancel(self, number: int) -> None:
        """Drop a batch: its process is ended and replaced; :meth:`wait` returns it as killed.

        Can be called while another thread waits. A batch that has ended is left as it is.
        """
        future = self._futures.get(number)
        if future is not None:
            future.cancel()

    def close(self) -> None:
        """End all processes."""
        for pool in (self._main, *self._fresh.values()):
            _end(pool)

    def _make(self, num_workers: int) -> ProcessPool:
        arguments = [self._worker, self._time_limit_seconds]
        return ProcessPool(num_workers, 0, _start, arguments, _CONTEXT)

    def _start_fresh(self) -> None:
        while self._waiting_for_fresh and len(self._fresh) < self._num_workers:
            number, pickled = self._waiting_for_fresh.popleft()
            self._fresh[number] = self._make(1)
            self._schedule(self._fresh[number], number, pickled)

    def _schedule(self, pool: ProcessPool, number: int, pickled: bytes, num_jobs: int = 1) -> None:
        # A process with several jobs looks itself that none of them takes too long.
        limit = self._time_limit_seconds
        timeout = None if limit is None else limit * num_jobs
        with _refusal_as_itself():
            future = pool.schedule(_answer, args=[pickled], timeout=timeout)
        self._futures[number] = future
        future.add_done_callback(lambda future: self._ended.put((number, pool, future)))

    def _outcome(self, pool: ProcessPool, future: Future[bytes]) -> Outcome:
        if future.cancelled():
            return Death("killed", "its process was ended, since nobody waits for it")
        error = future.exception()
        if isinstance(error, TimeoutError):
            return Death("timed out", f"not done within {self._time_limit_seconds:g} s")
        if isinstance(error, ProcessExpired):
            code = 0 if error.exitcode == _ENDED_WITH_ZERO else error.exitcode
            return Death("killed", describe_exit(code))
        if isinstance(error, BrokenProcessPool):
            return self._mend(pool, error)
        self._num_breaks = 0
        outcome: Outcome = pickle.loads(future.result())
        return outcome

    def _mend(self, pool: ProcessPool, error: BrokenProcessPool) -> Death | Exception:
        """Replace a pool whose process died without a job."""
        if pool in self._fresh.values():
            return Death("killed", "its process ended while it was started")
        if pool is self._main:
            self._num_breaks += 1
            _end(pool)
            self._main = self._make(self._num_workers)
        if self._num_breaks > _MAX_BREAKS:
            return RuntimeError(
                f"The processes of the workers end before their first job, {self._num_breaks} "
                f"times in a row: {error}."
            )
        return Death("killed", "its process ended while it was idle", is_innocent=True)


@contextmanager
def _refusal_as_itself() -> Iterator[None]:
    """Raise what the machine refuses to a pool, such as "Too many open files", as that."""
    try:
        yield
    except BrokenProcessPool as error:
        if isinstance(error.__cause__, OSError):
            raise error.__cause__ from None
        raise


class _Process(SpawnProcess):
    """A process whose death is told as pebble needs it."""

    _seen_dead: float | None = None

    def is_alive(self) -> bool:
        """Return whether it lives, or has died a moment ago."""
        if super().is_alive():
            return True
        now = time.monotonic()
        if self._seen_dead is None:
            self._seen_dead = now
        return now - self._seen_dead < _GRACE_SECONDS

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, which is not a moment ago then."""
        super().join(timeout)
        self._seen_dead = float("-inf")

    @property
    def exitcode(self) -> int | None:
        """The exit code, never 0."""
        code = super().exitcode
        return _ENDED_WITH_ZERO if code == 0 else code

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        with safe_path():
            return SpawnProcess._Popen(process_obj)  # type: ignore[attr-defined]


@contextmanager
def safe_path() -> Iterator[None]:
    """Have the processes that multiprocessing starts meanwhile run nothing of the current folder.

    Each is a ``python -c``, which looks for its first modules there, and what lies there is data.
    """
    with _starting:
        before = os.environ.get(_SAFE_PATH)
        os.environ[_SAFE_PATH] = "1"
        try:
            yield
        finally:
            if before is None:
                del os.environ[_SAFE_PATH]
            else:
                os.environ[_SAFE_PATH] = before


class _Context(SpawnContext):
    # Forked children inherit locks and threads of this process in an unusable state.
    Process = _Process


_CONTEXT = _Context()
_process: WorkerProcess | None = None


def _start(worker: bytes, time_limit_seconds: float | None) -> None:
    """Make the process ready; the job's time limit does not run yet."""
    global _process
    # Pebble's own handler waits for the job, which may hang in a library.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    end_with_parent()
    for name in ("OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
        os.environ.setdefault(name, "1")  # For libraries that the first job loads.
    _process = WorkerProcess(worker, time_limit_seconds)


def _answer(arguments: bytes) -> bytes:
    if _process is None:
        raise RuntimeError("Expected the process to be started by `_start`.")
    return _process(arguments)


def _end(pool: ProcessPool) -> None:
    pool.stop()
    pool.join()
