"""One study at a time in a folder."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from macbdf_mm.errors import ConfigError


@contextmanager
def folder_lock(folder: Path) -> Iterator[int]:
    """Hold a folder for this process; gives the file descriptor of the lock.

    A process that inherits the descriptor holds the lock too: as long as a run lives whose
    parent was killed, no other command can start the same run beside it.

    Raises:
        ConfigError: If another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"Another study is running in {folder}: wait for it, or choose another "
                "--work-dir; if its command was killed, its last runs may still be alive."
            ) from None
        yield file.fileno()
