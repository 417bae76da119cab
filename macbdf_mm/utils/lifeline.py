"""Processes that end with the one that started them, even if it was killed."""

import fcntl
import multiprocessing
import os
import select
import signal


def end_with_parent() -> None:
    """Let the kernel end this process, a child of multiprocessing, when its parent is gone."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        end_when_closed(parent.sentinel)


def end_when_closed(pipe: int) -> None:
    """Let the kernel end this process when the other end of a pipe is closed.

    A signal about it ends the process: a thread that waits for this would itself wait for Python's
    lock, which work that hangs may hold.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([pipe], [], [], 0)[0]:  # It was closed before this.
        os._exit(1)
