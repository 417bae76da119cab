"""Two processes on the CPU end with the same weights, and so do one process and MMEngine's own."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from macbdf_mm.apis.load_model import load_checkpoint

TOOLS = Path(__file__).parents[2] / "tools"
TOY_CONFIG = Path(__file__).parent / "toy" / "toy_config.py"
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2")


def read_apart(path):
    """Return a score file without its fractions, and these in their order."""
    numbers = []
    rows = path.read_text().splitlines()
    words = [json.loads(row, parse_float=lambda x: numbers.append(float(x))) for row in rows]
    return words, numbers


@pytest.mark.slow  # three processes, each of which imports torch
def test_two_processes_train_and_test_on_the_cpu(run_tool, tmp_path):
    run = tmp_path / "run"
    options = ("--cfg-options", "train_cfg.max_epochs=2", "train_dataloader.num_workers=1")
    done = run_tool(
        "train", TOY_CONFIG, "--launcher", "pytorch", "--work-dir", run, *options,
        launcher=TORCHRUN, CUDA_VISIBLE_DEVICES="",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    digests = re.findall(r"rank (\d): weights sha256 (\w{64})", done.stdout)
    assert sorted(rank for rank, _ in digests) == ["0", "1"]
    assert len({digest for _, digest in digests}) == 1
    checkpoint = load_checkpoint(run / "epoch_2.pth")
    assert checkpoint["meta"]["iter"] == 4, "16 clips, 2 processes of 4: 2 iterations an epoch"
    assert not any(name.startswith("module.") for name in checkpoint["state_dict"])

    # 18 clips on 2 processes of 4 leave padding, which must not count.
    tested = {
        number: run_tool(
            "test", TOY_CONFIG, run / "epoch_2.pth", "--work-dir", tmp_path / f"test{number}",
            *(("--launcher", "pytorch") if number == 2 else ()),
            launcher=TORCHRUN if number == 2 else (), CUDA_VISIBLE_DEVICES="",
        )
        for number in (1, 2)
    }  # fmt: skip
    assert tested[2].returncode == tested[1].returncode == 0, tested[2].stderr[-3000:]
    one, two = (tmp_path / f"test{number}" / "test_scores.jsonl" for number in (1, 2))
    words, numbers = read_apart(one)
    assert words == read_apart(two)[0]
    # The batches are others, and so is the rounding of their products.
    assert numbers == pytest.approx(read_apart(two)[1], abs=1e-6)


def test_without_torchrun_it_says_so(run_tool):
    done = run_tool("train", TOY_CONFIG, "--launcher", "pytorch")
    assert done.returncode == 1
    assert done.stderr == (
        "error: --launcher pytorch needs the environment variable RANK, which is not set: "
        "start the tool with torchrun, or leave --launcher out.\n"
    )


@pytest.mark.parametrize("script", ["dist_train.sh", "slurm_train.sh", "slurm_array.sh"])
def test_scripts_are_sound_and_explain_themselves(script):
    assert subprocess.run(["bash", "-n", TOOLS / script]).returncode == 0
    done = subprocess.run([TOOLS / script], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"usage: {TOOLS / script} ")


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({}, ["--gres=gpu:8", "--ntasks-per-node=8", "--ntasks=8"]),
        ({"GPUS": "2"}, ["--gres=gpu:2", "--ntasks-per-node=2", "--ntasks=2"]),
        ({"GPUS": "16"}, ["--gres=gpu:8", "--ntasks-per-node=8", "--ntasks=16"]),
        (
            {"GPUS": "12", "GPUS_PER_NODE": "4"},
            ["--gres=gpu:4", "--ntasks-per-node=4", "--ntasks=12"],
        ),
        ({"GPUS": "2", "GPUS_PER_NODE": "0"}, ["--ntasks=2"]),
    ],
)
def test_slurm_is_asked_for_as_many_devices_as_processes(tmp_path, settings, asked):
    done = start_slurm_train(tmp_path, settings)
    assert done.returncode == 0, done.stderr
    words = done.stdout.split()
    assert [word for word in words if word.startswith(("--gres", "--ntasks"))] == asked
    assert words[-5:] == ["c.py", "--launcher", "slurm", "--seed", "3"]


def test_machines_that_would_give_more_devices_than_processes_are_refused(tmp_path):
    done = start_slurm_train(tmp_path, {"GPUS": "12"})
    assert done.returncode == 2
    assert "GPUS=12 is no multiple of GPUS_PER_NODE=8" in done.stderr


def start_slurm_train(tmp_path, settings):
    """Run the script with an srun that prints what it is asked for."""
    srun = tmp_path / "srun"
    srun.write_text('#!/bin/bash\necho "$@"\n')
    srun.chmod(0o755)
    return subprocess.run(
        [TOOLS / "slurm_train.sh", "gpu", "job", "c.py", "--seed", "3"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", **settings},
        capture_output=True, text=True,
    )  # fmt: skip


def test_a_slurm_array_does_the_parts_and_then_the_whole(tmp_path):
    # A sbatch that does at once what it is given, a part of an array for each number.
    sbatch = tmp_path / "sbatch"
    sbatch.write_text(
        '#!/bin/bash\necho "$@" >> calls\nwhile [ $# -gt 0 ]; do\n'
        "  case $1 in --array=*) array=${1#--array=1-};; --wrap) wrap=$2;; esac; shift\ndone\n"
        "for ((i = 1; i <= ${array:-1}; i++)); do\n"
        '  SLURM_ARRAY_TASK_ID=$i bash -c "$wrap"\ndone >&2\n'
        "echo '17;cluster'\n"
    )
    sbatch.chmod(0o755)
    done = subprocess.run(
        [TOOLS / "slurm_array.sh", "cpu", "faces", "3", "prepare_faces.py", "a b.json"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "PYTHON": "echo", "CPUS_PER_TASK": "4"},
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    command = f"-u {TOOLS / 'prepare_faces.py'} a b.json --num-workers 4"
    parts = [f"{command} --shard {index}/3" for index in (1, 2, 3)]
    assert done.stderr.splitlines() == [*parts, command]
    first, last = (tmp_path / "calls").read_text().splitlines()
    assert "--dependency" not in first
    assert "--dependency=afterany:17 " in last


@pytest.mark.slow
def test_dist_train_passes_its_arguments_on(tmp_path):
    import os

    done = subprocess.run(
        [TOOLS / "dist_train.sh", TOY_CONFIG, "1", "--work-dir", tmp_path, "--cfg-options",
         "train_cfg.max_epochs=1"],
        env={**os.environ, "PYTHON": sys.executable, "PORT": "29617",
             "PYTHONPATH": str(TOY_CONFIG.parent), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "epoch_1.pth").is_file()
