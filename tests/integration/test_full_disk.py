"""Training on a disk that becomes full."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
TOY_CONFIG = Path(__file__).parent / "toy" / "toy_config.py"
SMALL_DISK = "mount -t tmpfs -o size={size} tmpfs {folder}"


def on_a_small_disk(folder, size, command):
    """Run a shell command that sees a small disk of its own at a folder."""
    script = f"{SMALL_DISK.format(size=size, folder=folder)} && {command}"
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", script],
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(TOY_CONFIG.parent)]),
        },
        capture_output=True,
        text=True,
        timeout=200,
    )


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        is_allowed = on_a_small_disk(folder, "64k", "true").returncode == 0
    except FileNotFoundError:
        is_allowed = False
    if not is_allowed:
        pytest.skip("needs the right to mount a file system in a namespace of its own")
    return folder


@pytest.mark.parametrize("size", ["16k", "92k", "108k"])  # The log, a checkpoint, a later one.
def test_the_run_stops_with_a_sentence_and_keeps_what_it_has(disk, tmp_path, size):
    tool = f"{sys.executable} -W ignore {ROOT}/tools/train.py {TOY_CONFIG} --work-dir {disk}"
    keep = f"mkdir {tmp_path}/kept; cp {disk}/*.pth {tmp_path}/kept 2>/dev/null; ls -A {disk}"
    options = "--cfg-options train_cfg.max_epochs=8 default_hooks.checkpoint.max_keep_ckpts=9"
    done = on_a_small_disk(disk, size, f"{tool} {options}; code=$?; {keep}; exit $code")
    assert done.returncode == 1, done.stderr[-2000:]
    lines = done.stderr.strip().splitlines()
    assert "no space left on device" in lines[-1].lower()
    assert lines[-1].startswith("error: ")
    assert "Traceback" not in done.stderr
    assert ".part" not in done.stdout
    for path in (tmp_path / "kept").glob("*.pth"):
        torch.load(path, weights_only=True)
    if size == "108k":
        assert (tmp_path / "kept" / "epoch_1.pth").is_file()
