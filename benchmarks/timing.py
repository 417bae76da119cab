"""Times several ways of doing the same thing, alternating within one process.

A clock is a function that returns seconds: processor time on one CPU thread, time on the wall
otherwise. Importing this does not import PyTorch, for the child process that decodes does it, too.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from macbdf_mm.errors import ArgumentError
from macbdf_mm.media.decoding_process import DecodingProcess

if TYPE_CHECKING:
    import torch

Call = Callable[[], object]
Clock = Callable[[], float]
Times = tuple[float, ...]
"""Milliseconds, one value per round."""

# A call much shorter than this is repeated within its turn, beyond the clock's and the loop's
# own noise.
_LEAST_TURN_MS = 5.0
_MOST_REPEATS = 100


def clock_of(device: "torch.device", num_threads: int) -> Clock:
    """Return the clock for calls on a device.

    On a shared machine processor time is steadier than the time on the wall, which counts
    waiting. With more than one thread it would count their waiting for each other as work.

    Args:
        device: Where the calls compute.
        num_threads: Threads that they compute with, if on the CPU.
    """
    if device.type == "cuda":
        return _after_the_gpu
    return time.process_time if num_threads == 1 else time.perf_counter


def _after_the_gpu() -> float:
    """Return the time on the wall when the GPU has done all that was asked of it."""
    import torch

    torch.cuda.synchronize()
    return time.perf_counter()


def clock_with(process: DecodingProcess) -> Clock:
    """Return the clock of the processor time of this process and of a child."""
    return lambda: time.process_time() + process.call(process_seconds, "")


def process_seconds(path: str) -> float:
    """Return the processor time that this process has used, in seconds; asked of the child.

    Args:
        path: Not used; a decoding process calls functions of files.
    """
    return time.process_time()


def measure_in_turns(calls: Mapping[str, Call], clock: Clock, num_rounds: int) -> dict[str, Times]:
    """Return the milliseconds of each call, one value per round.

    Each call is warmed up once. A round gives every call its turn, so that load from outside
    meets them all; every second round goes backwards, for what one leaves in the cache serves
    the next.

    Args:
        calls: What to time, by name.
        clock: As :func:`clock_of` returns it.
        num_rounds: Rounds.

    Raises:
        ArgumentError: If ``num_rounds`` is not positive.
    """
    if num_rounds < 1:
        raise ArgumentError(f"Expected `num_rounds` > 0, got {num_rounds}.")
    repeats = {name: _num_repeats(call, clock) for name, call in calls.items()}
    turns: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for index in range(num_rounds):
        for name in names if index % 2 == 0 else reversed(names):
            turns[name].append(_mean_ms(calls[name], clock, repeats[name]))
    return {name: tuple(values) for name, values in turns.items()}


def all_calls(calls: Sequence[Call]) -> Call:
    """Return the call that makes all of some calls, one after the other."""

    def call_all() -> None:
        for call in calls:
            call()

    return call_all


def _num_repeats(call: Call, clock: Clock) -> int:
    """Return how often to repeat a call within a turn; runs it, which warms it up."""
    # The first call fills caches; one that takes long anyway is not run for the answer again.
    if _mean_ms(call, clock) >= 100 * _LEAST_TURN_MS:
        return 1
    least = max(_mean_ms(call, clock), _LEAST_TURN_MS / _MOST_REPEATS)
    return math.ceil(_LEAST_TURN_MS / least)


def _mean_ms(call: Call, clock: Clock, times: int = 1) -> float:
    begin = clock()
    for _ in range(times):
        call()
    return 1e3 * (clock() - begin) / times
