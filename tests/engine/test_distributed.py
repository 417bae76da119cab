import pytest
from mmengine.config import Config

from macbdf_mm.engine.distributed import prepare_launcher, read_rank_environment
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
