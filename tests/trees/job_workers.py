"""Workers of jobs that fail, hang and kill, for tests of all that runs jobs."""

import ctypes
import errno
import os
import signal
import sys
import time
from pathlib import Path

from macbdf_mm.errors import ConfigError, UndecodableMediaError, UnwritableFileError


def double(number):
    return 2 * number


def act(what):
    """Do what the name says; every other argument takes 0.05 s and is returned."""
    match what:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exit 3":
            os._exit(3)
        case "exit 0":
            os._exit(0)
        case "hang":
            time.sleep(1000)
        case "hang with the lock of Python":
            ctypes.PyDLL(None).sleep(1000)
        case "fail":
            raise UndecodableMediaError("This file is damaged.")
        case "no memory":
            return bytearray(1 << 62)
        case "no memory for a library":
            raise ConfigError("This is too large.") from MemoryError()
        case "full disk":
            try:
                raise OSError(28, "No space left on device")
            except OSError as error:
                raise ConfigError("This cannot be written.") from error
        case "unwritable":
            raise UnwritableFileError("x.mp4 cannot be written (no space left): free some.")
        case "locked":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "x.mp4")
        case "mistake":
            raise KeyError("a mistake")
        case "mistake that cannot be pickled":
            raise UnpicklableError(1, 2)
        case "no answer that can be pickled":
            return lambda: None
    time.sleep(0.05)
    return what


def process_after(argument):
    time.sleep(0.05)
    return os.getpid()


class UnpicklableError(Exception):
    def __init__(self, one, two):
        super().__init__("one argument only")


class ActOnce:
    """Does what is asked the first time; a file in the folder tells whether it is."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def __call__(self, what):
        mark = self.folder / what
        if not mark.exists():
            mark.touch()
            act(what)
        return os.getpid()


class Counter:
    """Returns the process and how often it has been started and called there."""

    def __init__(self, seconds=0.0):
        self.seconds = seconds
        self.num_started = self.num_calls = 0

    def start(self):
        time.sleep(self.seconds)
        self.num_started += 1

    def __call__(self, argument):
        self.num_calls += 1
        return os.getpid(), self.num_started, self.num_calls


class StartsNever:
    def start(self):
        raise ValueError("There is no model.")

    def __call__(self, argument):
        return argument


class DiesAtStart(StartsNever):
    def start(self):
        os._exit(7)


class DiesAtItsSecondStart:
    """Kills its process with each job, and the next processes when they start."""

    def __init__(self, folder):
        self.mark = Path(folder) / "mark"

    def start(self):
        if self.mark.exists():
            os._exit(7)

    def __call__(self, argument):
        self.mark.touch()
        os._exit(3)


def leave(argument):
    """End the program, as a library of command-line tools might."""
    sys.exit(0)


class CallsBatchKiller:
    """Records each call in a folder, and dies of one argument."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def __call__(self, argument):
        with (self.folder / str(argument)).open("a") as file:
            file.write("x")
        if argument == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        return argument


def num_threads_of_cv2(argument):
    import cv2

    return cv2.getNumThreads()


def ends_at_sigterm(argument):
    return signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def loaded_modules(argument):
    return [name for name in ("torch", "cv2", "ray") if name in sys.modules]


def note_and_wait(argument):
    """Write this process's number into a file, and wait, holding the lock of Python or not."""
    path, how = argument
    Path(path).write_text(str(os.getpid()))
    act(how)


def raylet(argument):
    """Return the process of Ray that stands for the machine, after 0.1 s."""
    time.sleep(0.1)
    actor = Path(f"/proc/{os.getppid()}/stat").read_text()
    return int(actor.rpartition(")")[2].split()[1])


class NoActor:
    """An actor that ends when it starts."""

    def start(self, worker, time_limit_seconds):
        os._exit(1)
