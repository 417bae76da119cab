"""Files that are either there in full or not at all."""

import os
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

ATOMIC_BACKEND = "macbdf_atomic"
_TEMPORARY_SUFFIX = ".part"


def write_atomically(content: bytes, path: str | Path) -> None:
    """Write a file so that a process killed at any moment leaves the old or the new one.

    The content goes to a temporary file in the same folder, is forced to the disk, and then
    takes the name in one step.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + _TEMPORARY_SUFFIX)
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def remove_unfinished(folder: str | Path) -> list[Path]:
    """Delete what killed writers left in a folder, and return the paths."""
    unfinished = sorted(Path(folder).glob(f"*{_TEMPORARY_SUFFIX}"))
    for path in unfinished:
        path.unlink(missing_ok=True)
    return unfinished


@register_backend(ATOMIC_BACKEND, force=True)
class AtomicLocalBackend(LocalBackend):
    """The local disk, with writes that are never half done."""

    def put(self, obj: bytes | memoryview, filepath: str | Path) -> None:
        """Write bytes to a file."""
        write_atomically(bytes(obj), filepath)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = "utf-8") -> None:
        """Write a text to a file."""
        write_atomically(obj.encode(encoding), filepath)
