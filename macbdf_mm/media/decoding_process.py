"""Decoding in a process of its own, which a file may crash or hang without harm to this one.

Arrays come back through memory that both processes see: a clip of full frames is 20 MB, which
through a pipe would cost a third of its decoding.
"""

import gc
import mmap
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from macbdf_mm.errors import ArgumentError, ForgeryToolboxError, UndecodableMediaError
from macbdf_mm.media import limits
from macbdf_mm.utils.lifeline import end_when_closed

Result = TypeVar("Result")
DEFAULT_TIME_LIMIT_SECONDS = 60.0
# Starting is no file's fault, and takes long only where the machine has other things to do.
_START_LIMIT_SECONDS = 300.0
# Memory for frames is kept for the next clip up to this, which holds 16 of 720p: to get it anew
# takes a tenth of the time that larger ones take to decode.
_MAX_KEPT_BYTES = 64 * 2**20


class DecodingProcess:
    """Runs functions of media files in a child process; also a context manager.

    The child is started with the first call, serves any number of them, and is replaced when
    it died or was stopped. It ends with this object, or when the process that made it dies.
    It imports what the functions need and nothing else, so it starts in a third of a second
    where they are those of :mod:`macbdf_mm.media`. A forked process gets a child of its own.
    A file that has killed a child is not tried again.

    Args:
        time_limit_seconds: How long one call may take; a child that takes longer is killed.

    Raises:
        ValueError: If ``time_limit_seconds`` is not positive.
    """

    def __init__(self, time_limit_seconds: float = DEFAULT_TIME_LIMIT_SECONDS) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._answers: AnswerReader | None = None
        self._lifeline: int | None = None
        self._owner = os.getpid()
        self._deadly: dict[str, str] = {}
        if not time_limit_seconds > 0:
            raise ArgumentError(f"Expected `time_limit_seconds` > 0, got {time_limit_seconds}.")
        self.time_limit_seconds = time_limit_seconds

    def __reduce__(self) -> tuple[Any, ...]:
        return DecodingProcess, (self.time_limit_seconds,)

    def __enter__(self) -> "DecodingProcess":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def call(
        self, function: Callable[..., Result], path: str | Path, *args: Any, **kwargs: Any
    ) -> Result:
        """Return ``function(path, *args, **kwargs)``, computed in the child.

        Args:
            function: A function of a module, of a media file; its other arguments and its
                result can be pickled.
            path: The media file.
            *args: Passed on.
            **kwargs: Passed on.

        Raises:
            UndecodableMediaError: If the child died of the file, or took too long.
            Exception: Whatever the function raises.
        """
        path = str(path)
        if path in self._deadly:
            raise UndecodableMediaError(self._deadly[path])
        if self._owner != os.getpid():
            self.close()
        if self._connection is None:
            self._start()
        try:
            succeeded, result = self._ask((function, path, args, kwargs))
        except (EOFError, ConnectionError):
            self._deadly[path] = (
                f"{path} ended the process that decoded it ({self._cause_of_death()}); "
                "it is damaged in a way that the decoder does not survive."
            )
            raise UndecodableMediaError(self._deadly[path]) from None
        except TimeoutError:
            self.close()
            self._deadly[path] = (
                f"{path} was not read within {self.time_limit_seconds:g} s, so reading it was "
                "stopped; it is damaged, or the time limit is too short."
            )
            raise UndecodableMediaError(self._deadly[path]) from None
        except BaseException:
            # An answer that comes late must not be taken for that to the next call.
            self.close()
            raise
        if not succeeded:
            raise result
        return result

    def close(self) -> None:
        """End the child, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._answers is not None:
            self._answers.close()
            self._answers = None
        if self._child is not None and self._owner == os.getpid():
            self._child.kill()
            self._child.wait()
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        # A forked process has the same object, but the child is not its own.
        self._child = None
        self._owner = os.getpid()

    def abort(self) -> None:
        """Kill the child, so that a call that another thread waits for ends at once."""
        child = self._child
        if child is not None and self._owner == os.getpid():
            child.kill()

    def _ask(self, request: tuple[Any, ...]) -> tuple[bool, Any]:
        if self._connection is None or self._answers is None:
            raise EOFError
        self._connection.send(request)
        if not self._connection.poll(self.time_limit_seconds):
            raise TimeoutError
        return self._answers.load(*self._connection.recv())

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        shared = make_shared_file()
        # The child finds the package where this process has found it.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        # Closed by the kernel when this process is killed: then a child that hangs ends too.
        lifeline, self._lifeline = os.pipe()
        passed = [theirs.fileno(), shared, lifeline]
        with theirs:
            self._child = subprocess.Popen(
                # -P: what lies in the current folder is data, and no module of it must be run.
                [sys.executable, "-P", "-m", __name__, *map(str, passed)],
                pass_fds=passed,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # Decoders report damage here, a line for each bad packet.
                stderr=subprocess.DEVNULL,
            )
        os.close(lifeline)
        self._connection = Connection(ours.detach())
        self._answers = AnswerReader(shared)
        if not self._connection.poll(_START_LIMIT_SECONDS):
            self.close()
            raise RuntimeError(
                f"The process that decodes did not start within {_START_LIMIT_SECONDS:g} s."
            )
        self._connection.recv()

    def _cause_of_death(self) -> str:
        code = self._child.wait() if self._child is not None else 0
        self.close()
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


class AnswerWriter:
    """Writes the arrays of an answer into a shared file.

    Args:
        descriptor: Of the file; the other process has an :class:`AnswerReader` of it.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._memory: mmap.mmap | None = None

    def dump(self, answer: Any) -> tuple[bytes, list[int]]:
        """Return what has to be sent beside the shared file: a pickle, and sizes in bytes."""
        buffers: list[pickle.PickleBuffer] = []
        stem = pickle.dumps(answer, protocol=5, buffer_callback=buffers.append)
        views = [buffer.raw() for buffer in buffers]
        memory = self._room_for(sum(view.nbytes for view in views))
        offset = 0
        for view in views:
            memory[offset : offset + view.nbytes] = view
            offset += view.nbytes
        return stem, [view.nbytes for view in views]

    def release(self) -> None:
        """Give back much memory, after the other process has read what was dumped."""
        if self._memory is not None and len(self._memory) > _MAX_KEPT_BYTES:
            self._memory.close()
            self._memory = None
            os.ftruncate(self._descriptor, 0)

    def _room_for(self, num_bytes: int) -> mmap.mmap:
        if self._memory is None or len(self._memory) < num_bytes:
            os.ftruncate(self._descriptor, max(num_bytes, mmap.PAGESIZE))
            self._memory = mmap.mmap(self._descriptor, 0)
        return self._memory


class AnswerReader:
    """Reads the arrays of an answer from a shared file; closes the file in the end.

    Args:
        descriptor: Of the file.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._memory: mmap.mmap | None = None

    def load(self, stem: bytes, sizes: list[int]) -> Any:
        """Return the answer that an :class:`AnswerWriter` dumped; its arrays are copies."""
        if self._memory is None or len(self._memory) < sum(sizes):
            self._memory = mmap.mmap(self._descriptor, 0)
        buffers, offset = [], 0
        with memoryview(self._memory) as memory:
            for size in sizes:
                buffers.append(bytearray(memory[offset : offset + size]))
                offset += size
        return pickle.loads(stem, buffers=buffers)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def make_shared_file() -> int:
    """Return the descriptor of a file without a name, in memory where the system has that."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("decoded")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def call_in(
    process: DecodingProcess | None,
    function: Callable[..., Result],
    path: str | Path,
    *args: Any,
    **kwargs: Any,
) -> Result:
    """Return ``function(path, *args, **kwargs)``, computed in a process if there is one."""
    if process is None:
        return function(path, *args, **kwargs)
    return process.call(function, path, *args, **kwargs)


def serve(connection: Connection, answers: AnswerWriter) -> None:
    """Say that this process is ready, and answer calls until the other end is closed."""
    connection.send(None)
    while True:
        try:
            function, path, args, kwargs = connection.recv()
            answers.release()
            connection.send(answers.dump(_answer(function, path, args, kwargs)))
        except (EOFError, ConnectionError):
            return
        # Pictures in circles of references are few and large: Python would let them wait for long.
        gc.collect()
        if not gc.get_freeze_count():
            # What the first call has imported stays: looking through it takes longer than a call.
            gc.freeze()


def _answer(
    function: Callable[..., Any], path: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[bool, Any]:
    try:
        return True, function(path, *args, **kwargs)
    except (ForgeryToolboxError, ValueError, TypeError) as error:
        return False, error
    except MemoryError:
        return False, UndecodableMediaError(
            f"{path} needs more memory than there is, or than decoding may take; its header may be "
            "damaged, or MACBDF_MAX_DECODER_BYTES has to be raised."
        )


if __name__ == "__main__":
    # A terminal's Ctrl-C reaches this process too; the one that made it decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_when_closed(int(sys.argv[3]))
    limits.limit_memory()
    serve(Connection(int(sys.argv[1])), AnswerWriter(int(sys.argv[2])))
