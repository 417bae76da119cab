"""What a measurement's time is: processor time on one CPU thread, events on a GPU."""

import time
from collections.abc import Callable

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
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    call()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1e3


def clock_of(device: torch.device, num_threads: int) -> Callable[[Call], float]:
    """Return the function that times a call on a device.

    Args:
        device: Where the call computes.
        num_threads: Threads that it computes with, if on the CPU.
    """
    if device.type == "cuda":
        return cuda_seconds
    return cpu_seconds if num_threads == 1 else wall_seconds
