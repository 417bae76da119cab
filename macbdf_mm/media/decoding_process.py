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
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakSet

import numpy as np

from macbdf_mm.errors import (
    ArgumentError,
    DecoderStoppedError,
    ForgeryToolboxError,
    UndecodableMediaError,
)
from macbdf_mm.media import limits
from macbdf_mm.utils.jobs import is_passing
from macbdf_mm.utils.lifeline import end_when_closed

Result = TypeVar("Result")
DEFAULT_TIME_LIMIT_SECONDS = 60.0
# Eleven days; the kernel cannot wait for longer than 24.
_MAX_TIME_LIMIT_SECONDS = 1e6
# Starting is no file's fault, and takes long only where the machine has other things to do.
_START_LIMIT_SECONDS = 300.0
# Memory for frames is kept for the next clip up to this, which holds 16 of 1080p: to get it anew
# takes as long as to decode some of them.
_MAX_KEPT_BYTES = 96 * 2**20
_NUM_ATTEMPTS = 2
# A file on which the decoder hangs would cost two time limits for each of its windows: after so
# many calls without an answer it is left alone for so many limits. What keeps a machine from
# answering passes, so not for good.
_MAX_SILENT_CALLS = 2
_REST_IN_LIMITS = 10.0
_NO_ANSWER = "gave no answer"
_NO_MEMORY = "needed more memory than there is, or than it may take"


class DecodingProcess:
    """Runs functions of media files in a child process; also a context manager.

    The child is started with the first call, serves any number of them, and is replaced when
    it died or was stopped. It ends with this object, or when the process that made it dies.
    It imports what the functions need and nothing else, so it starts in a third of a second
    where they are those of :mod:`macbdf_mm.media`. A forked process gets a child of its own.
    Threads that share this object wait for each other.

    A call whose child dies or gives no answer is tried once more, in a new child: neither says
    that anything is wrong with the file. Nor is it held against the file later on, but for a
    short rest after several calls without an answer.

    Args:
        time_limit_seconds: How long one call may take; a child that takes longer is killed.

    Raises:
        ValueError: If ``time_limit_seconds`` is not positive, or more than eleven days.
    """

    def __init__(self, time_limit_seconds: float = DEFAULT_TIME_LIMIT_SECONDS) -> None:
        if not 0 < time_limit_seconds <= _MAX_TIME_LIMIT_SECONDS:
            raise ArgumentError(
                "Expected `time_limit_seconds` > 0, and at most "
                f"{_MAX_TIME_LIMIT_SECONDS:.0f}, got {time_limit_seconds}."
            )
        self.time_limit_seconds = time_limit_seconds
        self._child: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._answers: AnswerReader | None = None
        self._lifeline: int | None = None
        self._lock = threading.Lock()
        self._is_aborted = False
        self._silent: dict[str, _Silence] = {}
        _processes.add(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return DecodingProcess, (self.time_limit_seconds,)

    def __enter__(self) -> "DecodingProcess":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_child"):
            self._end_child()

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
            DecoderStoppedError: If two children died or took too long.
            Exception: Whatever the function raises.
        """
        return self.call_within(self.time_limit_seconds, function, path, *args, **kwargs)

    def call_within(
        self,
        time_limit_seconds: float,
        function: Callable[..., Result],
        path: str | Path,
        *args: Any,
        **kwargs: Any,
    ) -> Result:
        """Do what :meth:`call` does, with a time limit of its own for a long piece of work."""
        path = str(path)
        limit = min(time_limit_seconds, _MAX_TIME_LIMIT_SECONDS)
        # Round the whole exchange: a thread must not get the answer to the call of another.
        with self._lock:
            self._is_aborted = False
            self._refuse_silent(path)
            causes = []
            for _ in range(_NUM_ATTEMPTS):
                try:
                    succeeded, result = self._ask((function, path, args, kwargs), limit)
                except _NoAnswerError as error:
                    causes.append(str(error))
                    if self._is_aborted:
                        raise DecoderStoppedError(f"{path}: reading it was stopped.") from None
                    continue
                self._silent.pop(path, None)
                if not succeeded:
                    raise result
                return result  # type: ignore[no-any-return]
            raise self._stopped(path, causes)

    def close(self) -> None:
        """End the child, if there is one, when the call under way has ended."""
        with self._lock:
            self._end_child()

    def abort(self) -> None:
        """Kill the child, so that a call that another thread waits for ends at once."""
        child = self._child
        if child is not None:
            self._is_aborted = True
            child.kill()

    def _ask(self, request: tuple[Any, ...], time_limit_seconds: float) -> tuple[bool, Any]:
        """Return the answer of the child, or raise why there is none; it is ended then."""
        try:
            connection, answers = self._start()
            connection.send(request)
            if not connection.poll(time_limit_seconds):
                raise _NoAnswerError(f"{_NO_ANSWER} for {time_limit_seconds:g} s")
            succeeded, result = answers.load(*connection.recv())
            if isinstance(result, MemoryError):
                raise _NoAnswerError(_NO_MEMORY)
            return succeeded, result
        except (EOFError, ConnectionError):
            raise _NoAnswerError(self._cause_of_death()) from None
        except BaseException:
            # An answer that comes late must not be taken for that to the next call.
            self._end_child()
            raise

    def _stopped(self, path: str, causes: list[str]) -> DecoderStoppedError:
        happened = " and then ".join(dict.fromkeys(causes))
        text = f"{path}: the process that decodes it {happened}, in two attempts"
        if _NO_MEMORY in causes:
            return DecoderStoppedError(f"{text}; MACBDF_MAX_DECODER_BYTES sets what it may.")
        if _NO_ANSWER not in happened:
            return DecoderStoppedError(f"{text}; if memory is short, use fewer workers.")
        text += "; allow more with --decode-time-limit (`decode_time_limit_seconds`)."
        silence = self._silent.setdefault(path, _Silence(text))
        silence.num_calls += 1
        silence.until = time.monotonic() + _REST_IN_LIMITS * self.time_limit_seconds
        return DecoderStoppedError(text)

    def _refuse_silent(self, path: str) -> None:
        silence = self._silent.get(path)
        if silence is None or silence.num_calls < _MAX_SILENT_CALLS:
            return
        if time.monotonic() < silence.until:
            raise DecoderStoppedError(silence.text)
        del self._silent[path]

    def _start(self) -> "tuple[Connection, AnswerReader]":
        """Return the way to the child and back, which is started if there is none."""
        if self._connection is not None and self._answers is not None:
            return self._connection, self._answers
        # The child finds the package where this process has found it.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        ours, theirs = socket.socketpair()
        with theirs:
            # Kept before the child is there: if it cannot be started, they are closed all the same.
            self._connection = Connection(ours.detach())
            shared = make_shared_file()
            self._answers = AnswerReader(shared)
            # Closed by the kernel when this process is killed: then a child that hangs ends too.
            lifeline, self._lifeline = os.pipe()
            passed = [theirs.fileno(), shared, lifeline]
            try:
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
            finally:
                os.close(lifeline)
        if not self._connection.poll(_START_LIMIT_SECONDS):
            raise RuntimeError(
                f"The process that decodes did not start within {_START_LIMIT_SECONDS:g} s."
            )
        self._connection.recv()
        return self._connection, self._answers

    def _end_child(self) -> None:
        child = self._child
        self._forget_child()
        if child is not None:
            child.kill()
            child.wait()

    def _forget_child(self) -> None:
        """Close this process's ends of what leads to the child."""
        if self._connection is not None:
            self._connection.close()
        if self._answers is not None:
            self._answers.close()
        if self._lifeline is not None:
            os.close(self._lifeline)
        self._child = self._connection = self._answers = self._lifeline = None

    def _begin_in_fork(self) -> None:
        # The child is the parent's, and a thread that held the lock is not here.
        self._forget_child()
        self._lock = threading.Lock()

    def _cause_of_death(self) -> str:
        child = self._child
        code = child.wait() if child is not None else 0
        self._end_child()
        if code >= 0:
            return f"ended with exit code {code}"
        name = f" ({signal.Signals(-code).name})" if -code in set(signal.Signals) else ""
        return f"was killed by signal {-code}{name}"


@dataclass
class _Silence:
    """How often in a row a file was not answered for, and until when it is left alone."""

    text: str
    num_calls: int = 0
    until: float = 0.0


class _NoAnswerError(Exception):
    """The child died, was too slow or lacked memory; the text is the rest of a sentence on it."""


_processes: "WeakSet[DecodingProcess]" = WeakSet()


def _begin_all_in_fork() -> None:
    for process in list(_processes):
        process._begin_in_fork()


os.register_at_fork(after_in_child=_begin_all_in_fork)


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
        # A bytearray takes five times as long: the system gives it memory page by page.
        shared = np.frombuffer(self._memory, np.uint8)
        buffers, offset = [], 0
        for size in sizes:
            buffers.append(shared[offset : offset + size].copy())
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
    except ForgeryToolboxError as error:
        # The error that it came from does not travel.
        error.is_passing = is_passing(error)
        return False, error
    except (ArgumentError, TypeError, MemoryError) as error:
        return False, error
    except Exception as error:
        text = f"{path} cannot be read ({type(error).__name__}: {error})."
        failure = UndecodableMediaError(text)
        failure.is_passing = is_passing(error)
        return False, failure


if __name__ == "__main__":
    # A terminal's Ctrl-C reaches this process too; the one that made it decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_when_closed(int(sys.argv[3]))
    limits.limit_memory()
    serve(Connection(int(sys.argv[1])), AnswerWriter(int(sys.argv[2])))
