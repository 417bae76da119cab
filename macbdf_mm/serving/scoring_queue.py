"""Processes that compute, and the requests that wait for one."""

import asyncio
import math
import pickle
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from statistics import fmean
from typing import Any

from macbdf_mm.serving.refusal import Refusal
from macbdf_mm.utils.jobs import Death, Outcome, Worker
from macbdf_mm.utils.local_engine import LocalProcesses

# Before anything is known of how long a video takes.
_FIRST_GUESS_SECONDS = 10.0
_NUM_REMEMBERED = 8
_MAX_RETRY_SECONDS = 600


class ScoringQueue:
    """A number of processes with a model each, and a queue of limited length before them.

    A process that ends, or takes too long, is replaced; of its request that is the outcome.

    Args:
        worker: What the processes do, see :data:`~macbdf_mm.utils.jobs.Worker`.
        num_workers: How many there are.
        capacity: How many requests are held at a time.
        time_limit_seconds: How long one may be computed.
    """

    def __init__(
        self, worker: Worker, num_workers: int, capacity: int, time_limit_seconds: float
    ) -> None:
        pickled = pickle.dumps(worker)
        self.capacity = capacity
        self.num_held = 0
        self._slots = [_Slot(pickled, time_limit_seconds) for _ in range(num_workers)]
        self._tickets: asyncio.Queue[_Ticket] = asyncio.Queue()
        self._threads = ThreadPoolExecutor(num_workers, thread_name_prefix="scoring")
        self._tasks: list[asyncio.Task[None]] = []
        self._durations: deque[float] = deque(maxlen=_NUM_REMEMBERED)
        self._is_stopping = False

    async def start(self) -> list[Any]:
        """Return what each process answers to None, when all have started.

        Raises:
            Exception: Why one of them cannot start.
        """
        loop = asyncio.get_running_loop()
        tickets = [_Ticket(None, loop.create_future()) for _ in self._slots]
        calls = [
            loop.run_in_executor(self._threads, slot.run, None, self._is_dropped(ticket))
            for slot, ticket in zip(self._slots, tickets, strict=True)
        ]
        values = []
        for outcome in await asyncio.gather(*calls):
            if isinstance(outcome, Exception):
                raise outcome
            if isinstance(outcome, Death):
                raise RuntimeError(f"A process that computes cannot start: {outcome.reason}.")
            values.append(outcome[0]["value"])
        self._tasks = [asyncio.create_task(self._tend(slot)) for slot in self._slots]
        return values

    async def stop(self) -> None:
        """End all processes, also those that compute."""
        self._is_stopping = True
        for task in self._tasks:
            task.cancel()
        for slot in self._slots:
            slot.cancel()
        loop = asyncio.get_running_loop()
        # Behind the calls that were cancelled.
        await asyncio.gather(
            *(loop.run_in_executor(self._threads, slot.close) for slot in self._slots)
        )
        self._threads.shutdown()

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Hold a place in the queue while the block runs.

        Raises:
            Refusal: 429 if there is none.
        """
        if self.num_held >= self.capacity:
            raise Refusal(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"The server is busy: it holds {self.num_held} requests, as many as it takes; try "
                f"again in {self._retry_seconds()} s.",
                {"Retry-After": str(self._retry_seconds())},
            )
        self.num_held += 1
        try:
            yield
        finally:
            self.num_held -= 1

    async def score(self, argument: Any) -> Outcome:
        """Return what the worker makes of an argument; if this is cancelled, it is dropped."""
        loop = asyncio.get_running_loop()
        ticket = _Ticket(argument, loop.create_future())
        self._tickets.put_nowait(ticket)
        return await ticket.outcome

    async def _tend(self, slot: "_Slot") -> None:
        """Have a process do one ticket after the other."""
        loop = asyncio.get_running_loop()
        while True:
            ticket = await self._tickets.get()
            if ticket.outcome.cancelled():
                continue
            ticket.outcome.add_done_callback(lambda done: slot.cancel() if done.cancelled() else ())
            begin = loop.time()
            is_dropped = self._is_dropped(ticket)
            outcome = await loop.run_in_executor(
                self._threads, slot.run, ticket.argument, is_dropped
            )
            if not ticket.outcome.done():
                self._durations.append(loop.time() - begin)
                ticket.outcome.set_result(outcome)

    def _is_dropped(self, ticket: "_Ticket") -> Callable[[], bool]:
        return lambda: self._is_stopping or ticket.outcome.cancelled()

    def _retry_seconds(self) -> int:
        """Return after how many seconds there may be a place."""
        each = fmean(self._durations) if self._durations else _FIRST_GUESS_SECONDS
        return min(max(1, math.ceil(each / len(self._slots))), _MAX_RETRY_SECONDS)


@dataclass(frozen=True)
class _Ticket:
    """A request that waits for its outcome."""

    argument: Any
    outcome: "asyncio.Future[Outcome]" = field(repr=False)


class _Slot:
    """One process, which is used by one thread at a time."""

    def __init__(self, worker: bytes, time_limit_seconds: float) -> None:
        self._pool = LocalProcesses(worker, 1, time_limit_seconds)
        self._number = 0
        self._lock = threading.Lock()

    def run(self, argument: Any, is_dropped: Callable[[], bool]) -> Outcome:
        """Return what the worker makes of an argument, or why there is nothing.

        Args:
            argument: Of the worker.
            is_dropped: Whether nobody waits for it any more; :meth:`cancel` follows.
        """
        while True:
            with self._lock:
                if is_dropped():
                    return Death("killed", "it was dropped")
                self._number += 1
                self._pool.submit(self._number, [argument], False)
            [(_, outcome)] = self._pool.wait()
            # It ended before it had the job.
            if not (isinstance(outcome, Death) and outcome.is_innocent):
                return outcome

    def cancel(self) -> None:
        """Have :meth:`run` return at once, if a thread is in it."""
        with self._lock:
            self._pool.cancel(self._number)

    def close(self) -> None:
        """End the process."""
        self._pool.close()
