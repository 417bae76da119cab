"""Handing arrays from one process to another through memory that both see.

A clip of full frames is 20 MB; through a pipe it would cost a third of its decoding.
"""

import mmap
import os
import pickle
import tempfile
from typing import Any


def make_shared_file() -> int:
    """Return the descriptor of a file without a name, in memory where the system has that."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("decoded")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


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
