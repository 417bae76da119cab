"""Jobs in the processes of a Ray cluster; needs the extra ``ray``."""

import os
import pickle
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from macbdf_mm.errors import ArgumentError, ConfigError, MissingBackendError
from macbdf_mm.utils.jobs import Death, Outcome, Pool, Worker
from macbdf_mm.utils.local_engine import LocalProcesses

try:
    import ray
    from ray.exceptions import ActorUnavailableError, RayError, RayTaskError
    from ray.job_config import JobConfig
except ImportError as error:
    raise MissingBackendError(
        "The engine `ray` needs a package that is not installed: pip install 'macbdf_mm[ray]'."
    ) from error

# Jobs and results are small; Ray would take a third of the memory of this machine by default.
_STORE_BYTES = 256 * 2**20
_MAX_FAILED_STARTS = 3


class RayEngine:
    """Processes of a Ray cluster, or of a Ray of its own on this machine.

    The package must be installed on all machines of the cluster, and files lie at the same paths.

    Args:
        num_workers: Processes; None for as many as the cluster has cores, or GPUs if each needs
            some.
        time_limit_seconds: How long one job may take; None for any time.
        address: Of a running cluster, such as ``auto``; None starts Ray on this machine, for as
            long as the jobs run. Where this process has a connection to Ray already, that is used.
        gpus_per_worker: GPUs of each process, or a part of one.

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(
        self,
        num_workers: int | None = None,
        time_limit_seconds: float | None = None,
        address: str | None = None,
        gpus_per_worker: float = 0.0,
    ) -> None:
        if num_workers is not None and num_workers < 1:
            raise ArgumentError(f"Expected `num_workers` >= 1 with Ray, got {num_workers}.")
        if time_limit_seconds is not None and not time_limit_seconds > 0:
            raise ArgumentError(f"Expected `time_limit_seconds` > 0, got {time_limit_seconds}.")
        if gpus_per_worker < 0:
            raise ArgumentError(f"Expected `gpus_per_worker` >= 0, got {gpus_per_worker}.")
        self.num_workers = num_workers
        self.time_limit_seconds = time_limit_seconds
        self.address = address
        self.gpus_per_worker = gpus_per_worker

    @contextmanager
    def open(self, worker: Worker) -> Iterator[Pool]:
        """Give a pool of processes with this worker; leaving it ends them.

        Raises:
            ConfigError: If there is no cluster at the address, or it has no GPU and one is needed.
        """
        is_ours = not ray.is_initialized()
        if is_ours:
            _connect(self.address, self.num_workers)
        pool = _Actors(worker, self._count(), self.time_limit_seconds, self.gpus_per_worker)
        try:
            yield pool
        finally:
            pool.close()
            if is_ours:
                ray.shutdown()

    def _count(self) -> int:
        there = ray.cluster_resources()
        fitting = int(there.get("CPU", 1))
        if self.gpus_per_worker:
            fitting = min(fitting, int(there.get("GPU", 0) / self.gpus_per_worker))
            if fitting < 1:
                raise ConfigError(
                    f"The Ray cluster has {there.get('GPU', 0):g} GPUs, and each worker needs "
                    f"{self.gpus_per_worker:g}: lower --gpus-per-worker."
                )
        # More than there is room for would never start.
        return max(1, min(fitting, self.num_workers or fitting))


def _connect(address: str | None, num_cpus: int | None) -> None:
    # Ray reports how it is used to its makers, if it is not told otherwise.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    options: dict[str, Any] = {"address": address}
    if address is None:
        options = {
            "address": "local",
            "num_cpus": num_cpus,
            "include_dashboard": False,
            "object_store_memory": _STORE_BYTES,
        }
    job = JobConfig()
    job._py_driver_sys_path = _ModulePath()
    try:
        ray.init(**options, job_config=job, log_to_driver=False, configure_logging=False)
    except ConnectionError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"No Ray cluster answers at '{address}': {reason}") from error


class _ModulePath(list[str]):
    """Where the processes of Ray look for modules, beside where Python does.

    Ray adds the current folder, first of all. What lies there is data, and not to be run.
    """

    def extend(self, folders: Iterable[str]) -> None:
        """Add what Ray wants to add, without the current folder."""
        super().extend(folder for folder in folders if folder != os.getcwd())


class _Actor:
    """A process of Ray with one of ours below it, which jobs may kill and hang.

    So time limits, exit codes and second tries are those of the local engine, and Ray is left
    with what it alone can know: that a machine is gone.
    """

    def start(self, worker: bytes, time_limit_seconds: float | None) -> str:
        """Make the process; return the node where it is."""
        self._processes = LocalProcesses(worker, 1, time_limit_seconds)
        return ray.get_runtime_context().get_node_id()

    def answer(self, arguments: Sequence[Any], is_fresh: bool) -> Outcome:
        """Return the outcome of a batch."""
        self._processes.submit(0, arguments, is_fresh)
        [(_, outcome)] = self._processes.wait()
        return outcome


@dataclass(frozen=True)
class _Batch:
    number: int
    arguments: Sequence[Any]
    is_fresh: bool


@dataclass
class _Place:
    """An actor, the call that it is busy with, and the batch of that call."""

    actor: Any
    call: Any
    node: str | None = None
    batch: _Batch | None = None


class _Actors:
    """A pool of actors, each with one batch at a time."""

    def __init__(
        self,
        worker: Worker,
        num_workers: int,
        time_limit_seconds: float | None,
        gpus_per_worker: float,
    ) -> None:
        self._worker = pickle.dumps(worker)
        self._time_limit_seconds = time_limit_seconds
        # What Ray tries again, it tries as often as it likes, and tells nobody.
        self._actor: Any = ray.remote(
            num_cpus=1, num_gpus=gpus_per_worker, max_restarts=0, max_task_retries=0
        )(_Actor)
        self.capacity = 2 * num_workers
        self._waiting: deque[_Batch] = deque()
        self._num_failed_starts = 0
        self._places = [self._start() for _ in range(num_workers)]

    def submit(self, number: int, arguments: Sequence[Any], is_fresh: bool) -> None:
        self._waiting.append(_Batch(number, arguments, is_fresh))
        self._assign()

    def wait(self, is_blocking: bool = True) -> list[tuple[int, Outcome]]:
        outcomes: list[tuple[int, Outcome]] = []
        while True:
            busy = {place.call: place for place in self._places if place.call is not None}
            num, timeout = (1, None) if is_blocking else (len(busy), 0)
            ready, _ = ray.wait(list(busy), num_returns=num, timeout=timeout)
            for call in ready:
                outcomes += self._end_call(busy[call])
            self._assign()
            if outcomes or not is_blocking:
                return outcomes

    def close(self) -> None:
        for place in self._places:
            ray.kill(place.actor)

    def _start(self) -> _Place:
        actor = self._actor.remote()
        return _Place(actor, actor.start.remote(self._worker, self._time_limit_seconds))

    def _assign(self) -> None:
        for place in self._places:
            if place.call is None and self._waiting:
                place.batch = self._waiting.popleft()
                place.call = place.actor.answer.remote(place.batch.arguments, place.batch.is_fresh)

    def _end_call(self, place: _Place) -> list[tuple[int, Outcome]]:
        call, batch, place.call, place.batch = place.call, place.batch, None, None
        try:
            found = ray.get(call)
        except RayTaskError:
            raise  # A mistake of ours, and not an actor that is gone, or lacks memory.
        except RayError as error:
            ray.kill(place.actor)  # One that does not answer may go on with the batch.
            is_lost = _is_lost(place.node, error)
            self._places[self._places.index(place)] = self._start()
            if batch is None:
                self._count_failed_start(error)
                return []
            return [(batch.number, Death("killed", "its Ray actor ended", is_lost))]
        if batch is None:
            self._num_failed_starts = 0
            place.node = found
            return []
        return [(batch.number, found)]

    def _count_failed_start(self, error: RayError) -> None:
        self._num_failed_starts += 1
        if self._num_failed_starts > _MAX_FAILED_STARTS * len(self._places):
            raise ConfigError(
                f"The workers cannot be started on the Ray cluster: {error} Install the package "
                "on all of its machines, in the same version."
            ) from error


def _is_lost(node: str | None, error: RayError) -> bool:
    """Return whether an actor is gone because its machine, or the connection to it, is."""
    alive = {found["NodeID"] for found in ray.nodes() if found["Alive"]}
    return isinstance(error, ActorUnavailableError) or node not in alive
