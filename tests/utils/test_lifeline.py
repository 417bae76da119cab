"""Processes that hang with Python's lock in their hands, whose parent is killed."""

import os
import signal
import subprocess
import sys
import time

import pytest

from macbdf_mm.utils.lifeline import end_with_parent

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
# A C function that keeps Python's lock: no thread of the process can do anything.
HANG = "import ctypes; ctypes.PyDLL(None).sleep(100)"

IN_CHILD = """
import os, sys
from macbdf_mm.utils.lifeline import end_when_closed
end_when_closed(int(sys.argv[1]))
print("ready", flush=True)
"""

PARENT = """
import ctypes, multiprocessing, os, sys, time
from macbdf_mm.utils.lifeline import end_with_parent

def hang():
    end_with_parent()
    os.write(1, f"{os.getpid()}\\n".encode())
    ctypes.PyDLL(None).sleep(100)

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    children = [context.Process(target=hang) for _ in range(3)]
    for child in children:
        child.start()
    time.sleep(100)
"""


def is_running(process_id):
    try:
        with open(f"/proc/{process_id}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for_end(process_ids):
    end = time.monotonic() + 20
    while any(map(is_running, process_ids)):
        assert time.monotonic() < end, process_ids
        time.sleep(0.05)


def test_a_process_that_hangs_ends_when_the_pipe_is_closed():
    reading, writing = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-c", IN_CHILD + HANG, str(reading)],
        pass_fds=[reading],
        env=ENVIRONMENT,
        stdout=-1,
        text=True,
    )
    os.close(reading)
    assert child.stdout.readline() == "ready\n"
    time.sleep(0.5)
    assert is_running(child.pid)
    os.close(writing)
    assert child.wait(20) == -signal.SIGIO
    child.stdout.close()


def test_a_process_that_comes_too_late_does_not_begin():
    reading, writing = os.pipe()
    os.close(writing)
    command = [sys.executable, "-c", IN_CHILD, str(reading)]
    done = subprocess.run(
        command, pass_fds=[reading], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    os.close(reading)
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_all_children_that_hang_end_with_a_parent_that_is_killed(method, tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, str(script), method], env=ENVIRONMENT, stdout=-1, text=True
    )
    children = [int(parent.stdout.readline()) for _ in range(3)]
    time.sleep(0.5)
    assert all(map(is_running, children))
    parent.kill()
    parent.wait()
    wait_for_end(children)
    parent.stdout.close()


def test_a_main_process_has_no_parent_to_end_with():
    before = signal.getsignal(signal.SIGIO)
    script = "from macbdf_mm.utils.lifeline import end_with_parent; end_with_parent(); print('on')"
    done = subprocess.run(
        [sys.executable, "-c", script], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "on\n"
    assert signal.getsignal(signal.SIGIO) == before
    assert callable(end_with_parent)
