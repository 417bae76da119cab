import os

import pytest
import torch
from mmengine.config import Config

from macbdf_mm.engine.distributed import (
    computing_threads,
    leave_cores_to_workers,
    prepare_launcher,
    read_rank_environment,
)
from macbdf_mm.errors import ConfigError


@pytest.mark.parametrize(
    ("launcher", "environment"),
    [
        ("pytorch", {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}),
        ("slurm", {"SLURM_PROCID": "3", "SLURM_NTASKS": "4", "SLURM_LOCALID": "1"}),
        (
            "mpi",
            {
                "OMPI_COMM_WORLD_RANK": "3",
                "OMPI_COMM_WORLD_SIZE": "4",
                "OMPI_COMM_WORLD_LOCAL_RANK": "1",
            },
        ),
    ],
)
def test_every_launcher_names_the_ranks_its_own_way(launcher, environment):
    assert read_rank_environment(launcher, environment | {"MASTER_PORT": "7"}) == {
        "RANK": "3",
        "WORLD_SIZE": "4",
        "LOCAL_RANK": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "7",
    }


def test_given_address_is_kept():
    environment = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "MASTER_ADDR": "node1"}
    assert read_rank_environment("pytorch", environment)["MASTER_ADDR"] == "node1"


@pytest.mark.parametrize(
    ("launcher", "variable", "command"),
    [
        ("pytorch", "RANK", "torchrun"),
        ("slurm", "SLURM_PROCID", "srun"),
        ("mpi", "OMPI_COMM_WORLD_RANK", "mpirun"),
    ],
)
def test_started_without_the_launcher(launcher, variable, command):
    message = f"needs the environment variable {variable}, .*start the tool with {command}"
    with pytest.raises(ConfigError, match=message):
        read_rank_environment(launcher, {})


def test_no_launcher_changes_nothing_else():
    cfg = Config({})
    prepare_launcher(cfg, "none")
    assert cfg.to_dict() == {"launcher": "none"}


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("num_cores", "num_processes", "num_workers", "expected"),
    [(2, 1, 2, 1), (2, 1, 0, 2), (16, 1, 2, 14), (16, 2, 2, 6), (2, 2, 2, 1), (1, 4, 8, 1)],
)
def test_a_process_computes_on_the_cores_that_are_left(
    num_cores, num_processes, num_workers, expected
):
    assert computing_threads(num_cores, num_processes, num_workers) == expected


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU computes here")
def test_threads_are_set_beside_workers(threads, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    leave_cores_to_workers(10**6)
    assert torch.get_num_threads() == 1
    leave_cores_to_workers(0)
    assert torch.get_num_threads() == len(os.sched_getaffinity(0))


def test_a_stated_number_stays(threads, monkeypatch):
    torch.set_num_threads(2)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    leave_cores_to_workers(10**6)
    assert torch.get_num_threads() == 2
