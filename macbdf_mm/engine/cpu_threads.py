"""How many threads a training process computes with on the CPU."""

import os

import torch


def computing_threads(num_cores: int, num_processes: int, num_workers: int) -> int:
    """Return the threads for one process: the cores that its loading workers leave, at least one.

    Threads of one operation wait for each other, so a thread that shares its core with a
    decoding worker holds up all the others.

    Args:
        num_cores: Cores of the machine.
        num_processes: Training processes on it.
        num_workers: Loading workers of each.
    """
    return max(1, num_cores // num_processes - num_workers)


def leave_cores_to_workers(num_workers: int) -> None:
    """Set PyTorch's threads for training beside ``num_workers`` loading workers.

    Does nothing where a GPU computes, or where ``OMP_NUM_THREADS`` states a number.
    """
    if torch.cuda.is_available() or "OMP_NUM_THREADS" in os.environ:
        return
    num_processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    num_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    torch.set_num_threads(computing_threads(num_cores, num_processes, num_workers))
