"""Several processes on machines with and without a GPU, and the threads of each."""

import os
import subprocess
from collections.abc import Mapping

import torch
from mmengine.config import Config
from torch import distributed

from macbdf_mm.errors import ConfigError

_DEFAULT_PORT = "29500"
# Launcher -> its variables for the rank, the number of processes, and the rank on the machine.
_RANK_VARIABLES = {
    "pytorch": ("RANK", "WORLD_SIZE", "LOCAL_RANK"),
    "slurm": ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"),
    "mpi": ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
}


def prepare_launcher(cfg: Config, launcher: str) -> None:
    """Set the launcher in a config; without a GPU, also join the processes over gloo.

    MMEngine's runner selects a GPU in every distributed run, but leaves the process group alone
    if there is one, and wraps the model as ``model_wrapper_cfg`` says. With GPUs everything is
    left to it.

    Args:
        cfg: Config of the run, changed in place.
        launcher: ``'none'``, ``'pytorch'``, ``'slurm'`` or ``'mpi'``.

    Raises:
        ConfigError: If the process was not started by that launcher.
    """
    cfg.launcher = launcher
    if launcher == "none":
        return
    rank_environment = read_rank_environment(launcher, os.environ)
    if torch.cuda.is_available():
        return
    os.environ.update(rank_environment)
    if not distributed.is_initialized():
        distributed.init_process_group(backend="gloo")
    cfg.model_wrapper_cfg = {
        "type": "mmengine.MMDistributedDataParallel",
        "broadcast_buffers": False,
        "find_unused_parameters": cfg.get("find_unused_parameters", False),
        **(cfg.get("model_wrapper_cfg") or {}),
        "device_ids": None,
    }


def read_rank_environment(launcher: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that ``torch.distributed`` reads, from those a launcher sets.

    Raises:
        ConfigError: If a variable of the launcher is missing.
    """
    names = _RANK_VARIABLES[launcher]
    missing = [name for name in names if name not in environment]
    if missing:
        start = {"pytorch": "torchrun", "slurm": "srun", "mpi": "mpirun"}[launcher]
        raise ConfigError(
            f"--launcher {launcher} needs the environment variable {missing[0]}, which is not "
            f"set: start the tool with {start}, or leave --launcher out."
        )
    rank, world_size, local_rank = (environment[name] for name in names)
    return {
        "RANK": rank,
        "WORLD_SIZE": world_size,
        "LOCAL_RANK": local_rank,
        "MASTER_ADDR": environment.get("MASTER_ADDR") or _first_host(environment),
        "MASTER_PORT": environment.get("MASTER_PORT", _DEFAULT_PORT),
    }


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


def _first_host(environment: Mapping[str, str]) -> str:
    nodes = environment.get("SLURM_NODELIST")
    if nodes is None:
        return "127.0.0.1"
    listed = subprocess.run(
        ["scontrol", "show", "hostname", nodes], capture_output=True, text=True, check=True
    )
    return listed.stdout.split()[0]
