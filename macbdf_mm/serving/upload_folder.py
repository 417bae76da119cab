"""A private folder for the files of requests, which are never kept."""

import fcntl
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_PREFIX = "macbdf-serve-"


class UploadFolder:
    """A folder that only this user can enter, with files under names that nobody has chosen.

    It goes when it is left, and so does what a killed server has left beside it. It is also a
    context manager.

    Args:
        place: Where it stands; None for the system's folder of temporary files (``TMPDIR``).
    """

    def __init__(self, place: str | Path | None = None) -> None:
        self._place = Path(place or tempfile.gettempdir())

    def __enter__(self) -> "UploadFolder":
        for folder in self._place.glob(f"{_PREFIX}*"):
            _delete_if_left(folder)
        lock = None
        while lock is None:  # Another server may take a new folder for a left one.
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._place))  # 0700
            lock = _lock(self.path)
        self._lock: int = lock
        return self

    def __exit__(self, *error: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)

    @contextmanager
    def new_file(self) -> Iterator[tuple[Path, BinaryIO]]:
        """Give a new empty file and its path; it is deleted when the block ends, however."""
        path = self.path / secrets.token_hex(16)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with open(descriptor, "wb", buffering=0) as file:
                yield path, file
        finally:
            path.unlink(missing_ok=True)


def _lock(folder: Path) -> int | None:
    """Return the descriptor that holds the lock of a folder; None if another process has it.

    The kernel lets go of it when its process ends, however that happens. Programs that tidy up
    folders of temporary files leave a locked one alone.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:  # It is gone, or it is no folder.
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), folder.lstat()):
            return descriptor
    except OSError:  # It is locked, or was deleted before it was.
        pass
    os.close(descriptor)
    return None


def _delete_if_left(folder: Path) -> None:
    """Delete a folder of this user whose server has ended without doing so."""
    descriptor = _lock(folder)
    if descriptor is None:
        return
    try:
        status = os.fstat(descriptor)
        if status.st_uid == os.getuid() and stat.S_IMODE(status.st_mode) == 0o700:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)
