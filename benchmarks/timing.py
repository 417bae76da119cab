"""Times several ways of doing the same thing, alternating within one process.

What a measurement's time is: processor time on one CPU thread, events on a GPU. Importing this
does not import PyTorch, for the child process that decodes does it, too.
"""

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from macbdf_mm.errors import ArgumentError
from macbdf_mm.media.decoding_process import DecodingProcess

if TYPE_CHECKING:
    import torch

Call = Callable[[], object]


def cpu_seconds(call: Call) -> float:
    """Return the processor time of one call, in seconds, of all threads of this process.

    On a shared machine it is steadier than the time on the wall, which counts waiting. With
    more than one thread it would count their waiting for each other as work.
    """
    begin = time.process_time()
    call()
    return time.process_time() - begin


def wall_seconds(call: Call) -> float:
    """Return the time on the wall of one call, in seconds."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def cuda_seconds(call: Call) -> float:
    """Return the time between two events around one call on the current CUDA stream, in seconds."""
    import torch

    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    call()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1e3


def clock_of(device: "torch.device", num_threads: int) -> Callable[[Call], float]:
    """Return the function that times a call on a device.

    Args:
        device: Where the call computes.
        num_threads: Threads that it computes with, if on the CPU.
    """
    if device.type == "cuda":
        return cuda_seconds
    return cpu_seconds if num_threads == 1 else wall_seconds


def process_seconds(path: str) -> float:
    """Return the processor time that this process has used, in seconds; asked of the child.

    Args:
        path: Not used; a decoding process calls functions of files.
    """
    return time.process_time()


def clock_with(process: DecodingProcess) -> Callable[[Call], float]:
    """Return the function that times a call in seconds of this process and of a child."""

    def both() -> float:
        return time.process_time() + process.call(process_seconds, "")

    def clock(call: Call) -> float:
        begin = both()
        call()
        return both() - begin

    return clock


# A call much shorter than this is repeated within its turn, beyond the clock's and the loop's
# own noise.
_LEAST_TURN_SECONDS = 5e-3
_MOST_REPEATS = 100


@dataclass(frozen=True)
class Comparison:
    """The times of two implementations over the same rounds.

    Attributes:
        seconds: Of the way in question, one value per round, all positive.
        peer_seconds: Of the way that it is compared with.
    """

    seconds: tuple[float, ...]
    peer_seconds: tuple[float, ...]

    @property
    def milliseconds(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return the times of both ways in milliseconds."""
        return tuple(1e3 * s for s in self.seconds), tuple(1e3 * s for s in self.peer_seconds)

    @property
    def speedups(self) -> tuple[float, ...]:
        """Return how many times faster than the peer it was in each round."""
        return tuple(peer / own for own, peer in zip(self.seconds, self.peer_seconds, strict=True))

    @property
    def costs(self) -> tuple[float, ...]:
        """Return how many times the peer's time it took in each round."""
        return tuple(1 / speedup for speedup in self.speedups)


def measure_in_turns(
    calls: Mapping[str, Call], clock: Callable[[Call], float], num_rounds: int
) -> dict[str, tuple[float, ...]]:
    """Return the seconds of each call, one value per round.

    Each call is warmed up once. A round gives every call its turn, so that load from outside
    meets them all; every second round goes backwards, for what one leaves in the cache serves
    the next.

    Args:
        calls: What to time, by name.
        clock: As :func:`clock_of` returns it.
        num_rounds: Rounds, at least one.

    Raises:
        ValueError: If ``num_rounds`` is not positive.
    """
    if num_rounds < 1:
        raise ArgumentError(f"Expected `num_rounds` > 0, got {num_rounds}.")
    repeats = {name: _num_repeats(call, clock) for name, call in calls.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for index in range(num_rounds):
        for name in names if index % 2 == 0 else reversed(names):
            turn = clock(_repeated(calls[name], repeats[name]))
            seconds[name].append(turn / repeats[name])
    return {name: tuple(values) for name, values in seconds.items()}


def compare(call: Call, peer: Call, clock: Callable[[Call], float], num_rounds: int) -> Comparison:
    """Return the comparison of a call with its peer; arguments as :func:`measure_in_turns`."""
    seconds = measure_in_turns({"call": call, "peer": peer}, clock, num_rounds)
    return Comparison(seconds["call"], seconds["peer"])


def median_and_range(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the median, the lowest and the highest of some values."""
    return statistics.median(values), min(values), max(values)


def _num_repeats(call: Call, clock: Callable[[Call], float]) -> int:
    """Return how often to repeat a call within a turn; runs it, which warms it up."""
    # The first call fills caches; one that takes long anyway is not run for the answer again.
    if clock(call) >= 100 * _LEAST_TURN_SECONDS:
        return 1
    seconds = clock(call)
    if seconds >= _LEAST_TURN_SECONDS:
        return 1
    return min(_MOST_REPEATS, math.ceil(_LEAST_TURN_SECONDS / max(seconds, 1e-9)))


def _repeated(call: Call, times: int) -> Call:
    def repeat() -> None:
        for _ in range(times):
            call()

    return call if times == 1 else repeat
