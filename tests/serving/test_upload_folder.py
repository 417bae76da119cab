"""Uploaded files: who can read them, and that none stays."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from macbdf_mm.serving.upload_folder import UploadFolder

ROOT = Path(__file__).parents[2]
_HOLD = """
import sys, time
from macbdf_mm.serving.upload_folder import UploadFolder
with UploadFolder(sys.argv[1]) as folder, folder.new_file() as (path, file):
    file.write(b"content")
    print(path, flush=True)
    time.sleep(60)
"""


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_nobody_else_can_read_a_file_and_it_goes_with_the_block(tmp_path):
    before = os.umask(0)
    try:
        with UploadFolder(tmp_path) as folder:
            assert mode(folder.path) == 0o700
            with folder.new_file() as (path, file), folder.new_file() as (other, _):
                file.write(b"content")
                assert path.read_bytes() == b"content"
                assert mode(path) == 0o600
                assert path.parent == other.parent == folder.path
                assert path != other
            assert list(folder.path.iterdir()) == []
            with pytest.raises(KeyboardInterrupt), folder.new_file() as (path, _):
                raise KeyboardInterrupt
            assert not path.exists()
    finally:
        os.umask(before)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_server_left_goes_at_the_next_start_and_nothing_else(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", _HOLD, str(tmp_path)]
    holders = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    left, held = (Path(holder.stdout.readline().strip()) for holder in holders)
    # What others could have put there.
    (tmp_path / "macbdf-serve-file").touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "macbdf-serve-link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "macbdf-serve-open").mkdir()
    (tmp_path / "macbdf-serve-open").chmod(0o777)
    try:
        holders[0].send_signal(signal.SIGKILL)
        holders[0].wait()
        assert left.read_bytes() == b"content"
        with UploadFolder(tmp_path) as folder:
            names = {path.name for path in tmp_path.iterdir()}
            assert names == {
                folder.path.name,
                held.parent.name,
                "elsewhere",
                *("macbdf-serve-file", "macbdf-serve-link", "macbdf-serve-open"),
            }
            assert held.read_bytes() == b"content"
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()
            holder.stdout.close()
