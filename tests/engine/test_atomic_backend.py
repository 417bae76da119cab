import os
import signal
import subprocess
import sys

import pytest
from mmengine.fileio import get_file_backend

from macbdf_mm.engine.atomic_backend import (
    ATOMIC_BACKEND,
    AtomicLocalBackend,
    remove_unfinished,
    write_atomically,
)


def test_write_and_overwrite(tmp_path):
    path = tmp_path / "new" / "file.bin"
    write_atomically(b"old", path)
    write_atomically(b"new", path)
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_killed_in_the_middle_leaves_the_old_file(tmp_path, step):
    path = tmp_path / "file.bin"
    write_atomically(b"old", path)
    script = (
        "import os, signal\n"
        "from macbdf_mm.engine.atomic_backend import write_atomically\n"
        f"os.{step} = lambda *a: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"write_atomically(b'new', {str(path)!r})\n"
    )
    done = subprocess.run([sys.executable, "-c", script], env=dict(os.environ))
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    assert remove_unfinished(tmp_path) == [tmp_path / "file.bin.part"]
    assert list(tmp_path.iterdir()) == [path]


def test_is_found_by_name(tmp_path):
    backend = get_file_backend(tmp_path, backend_args={"backend": ATOMIC_BACKEND})
    assert isinstance(backend, AtomicLocalBackend)
    backend.put(b"bytes", tmp_path / "a")
    backend.put(memoryview(b"view"), tmp_path / "b")
    backend.put_text("text", tmp_path / "c")
    assert [backend.get(tmp_path / name) for name in "abc"] == [b"bytes", b"view", b"text"]
