"""Real loaders in a process of their own that has little shared memory, or may open few files."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from macbdf_mm.apis.explain import explain
from macbdf_mm.engine.loading_workers import explain_lost_batch

ROOT = Path(__file__).resolve().parents[2]
LOAD = """
import sys, torch
from torch.utils.data import DataLoader, Dataset
from macbdf_mm.apis.command_line import run_command
from macbdf_mm.engine.loading_workers import end_instead_of_losing_batches

class Clips(Dataset):
    def __len__(self):
        return 64

    def __getitem__(self, index):
        return torch.zeros(int(sys.argv[1]))

def main():
    end_instead_of_losing_batches()
    loader = DataLoader(
        Clips(), batch_size=8, num_workers=1, prefetch_factor=4, collate_fn=list, timeout=60
    )
    print(len(list(loader)))

if __name__ == "__main__":
    sys.exit(run_command(main))
"""
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def load(num_values, *before, **options):
    return subprocess.run(
        [*before, sys.executable, "-W", "ignore", "-c", LOAD, str(num_values)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=50,
        **options,
    )


def test_little_shared_memory():
    mount = "mount -t tmpfs -o size=2m tmpfs /dev/shm"
    try:
        is_allowed = subprocess.run(["unshare", "-rm", "sh", "-c", mount]).returncode == 0
    except FileNotFoundError:
        is_allowed = False
    if not is_allowed:
        pytest.skip("needs the right to mount a file system in a namespace of its own")
    done = load(250_000, "unshare", "-rm", "sh", "-c", f'{mount} && exec "$@"', "sh")
    assert done.returncode == 1, done.stderr
    first, *_, last = done.stderr.strip().splitlines()
    assert first.startswith("A loading worker cannot hand over a batch: unable to allocate shared")
    assert last.startswith("error: A loading worker did not hand over its batch")
    assert "/dev/shm has 2 MB, which --shm-size of Docker raises" in last
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("limit", [40, 50, 60])
def test_few_file_descriptors(limit):
    limits = (limit, limit)
    done = load(9, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limits))
    assert done.returncode == 1, done.stdout
    # Threads of Python's own in the worker may print a traceback between the two.
    (said,) = (line for line in done.stderr.splitlines() if "error: A loading worker" in line)
    assert f"may open {limit} files, which `ulimit -n` raises" in said


@pytest.mark.parametrize(
    "message",
    [
        "DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that",
        "DataLoader worker (pid(s) 7) exited unexpectedly with exit code 1. Details are lost due",
        "DataLoader timed out after 1800 seconds",
        "received 0 items of ancdata",
        "unable to open shared memory object </torch_1_2> in read-write mode: Too many open files",
        "unable to mmap 64 bytes from file </torch_1_2>: Cannot allocate memory (12)",
    ],
)
def test_what_pytorch_says_is_explained(message):
    said = explain(RuntimeError(message))
    assert said.startswith("A loading worker did not hand over its batch (")
    assert "Details are lost" not in said
    assert "--shm-size" in said


def test_other_errors_are_not():
    assert explain_lost_batch(EOFError()) is None
    assert explain(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) is None
    assert torch.multiprocessing.get_sharing_strategy() == "file_descriptor"
