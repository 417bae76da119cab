"""Files that are there in full or not at all; locks of folders; stamps of files."""

import errno
import fcntl
import json
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from macbdf_mm.errors import ConfigError, UnwritableFileError
from macbdf_mm.utils.tables import printable

_MARK = ".part"
_UNFINISHED = re.compile(rf"\..*\.[0-9a-f]{{8}}{re.escape(_MARK)}(\.[^.]*)?", re.DOTALL)
_REMEDIES = {
    errno.ENOSPC: "free some space, or choose another place",
    errno.EDQUOT: "free some space, or choose another place",
    errno.EISDIR: "choose the name of a file",
    errno.ENOTDIR: "a part of the path is a file",
}
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_FULL = (*DISK_FULL, errno.EFBIG, errno.EIO)


def write_atomically(content: bytes | str, path: str | Path) -> None:
    """Write a file so that a process killed at any moment leaves the old or the new one.

    Args:
        content: Bytes, or a text, which is written as UTF-8.
        path: As :func:`replacing` takes it.

    Raises:
        UnwritableFileError: If there is no space or no permission, or a folder has the name.
    """
    with replacing(path) as unfinished, unfinished.open("wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)


def write_json(document: Any, path: str | Path, indent: int | None = 1) -> None:
    """Write a document as JSON with a line feed at its end, as :func:`write_atomically` does."""
    text = json.dumps(document, indent=indent, ensure_ascii=False, allow_nan=False)
    # Halves of characters, as odd file names hold them, are written as JSON states them.
    write_atomically(f"{text}\n".encode("utf-8", "backslashreplace"), path)


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give the path of an unfinished file, which takes the name ``path`` when the block ends.

    The unfinished file stands in the same folder, empty at first, hidden, with a random name and
    the same suffix; the folder is made if it is missing. At the end it is forced to the disk and
    takes the name in one step; if the block raises, it is deleted and an older file stays. The
    permissions are those of the older file, or what the umask leaves. A symbolic link is replaced,
    not followed. Devices and pipes, such as ``/dev/stdout``, are given themselves.

    Args:
        path: A file, there or not.

    Raises:
        UnwritableFileError: If there is no space or no permission, or a folder has the name.
    """
    path = Path(path)
    if is_stream(path):
        with in_one_sentence(path, path):
            yield path
        return
    # Shortened, as no name may have more than 255 bytes.
    name = f".{path.stem[:40]}.{secrets.token_hex(4)}{_MARK}{path.suffix[:16]}"
    unfinished = path.parent / name  # Not `with_name`: `.` has none.
    with in_one_sentence(path, unfinished):
        _make_folder(path.parent)
        mode = _mode(path)
        # Exclusive: who has guessed the name and put a link there gets an error, not our bytes.
        descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        try:
            if mode is not None:
                os.fchmod(descriptor, mode)
            yield unfinished
            os.fsync(descriptor)
            os.replace(unfinished, path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        _sync_folder(path.parent)


@contextmanager
def replacing_folder(folder: str | Path) -> Iterator[Path]:
    """Give an unfinished folder, which takes the name ``folder`` when the block ends.

    It is hidden, in the same place, and has a random name. An older folder is then deleted, and a
    symbolic link replaced, not followed; if the block raises, the older one stays. What killed
    writers of this folder left is deleted first.

    Raises:
        UnwritableFileError: If there is no space or no permission, or a file has the name.
    """
    folder = Path(folder)
    start = f".{folder.name[:40]}."
    unfinished = folder.with_name(f"{start}{secrets.token_hex(4)}{_MARK}")
    with in_one_sentence(folder, unfinished):
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
        _make_folder(folder.parent)
        for left in folder.parent.iterdir():
            if left.name.startswith(start) and _UNFINISHED.fullmatch(left.name):
                _delete_folder(left)
        unfinished.mkdir()
        try:
            yield unfinished
            _delete_folder(folder)
            os.replace(unfinished, folder)
        except BaseException:
            _delete_folder(unfinished)
            raise
        _sync_folder(folder.parent)


def check_writable(path: str | Path) -> None:
    """Return if a file can be written at a path: asked before long work, not after it.

    Raises:
        UnwritableFileError: As :func:`replacing`.
    """
    path = Path(path)
    if is_stream(path):
        return
    unfinished = path.with_name(f".{secrets.token_hex(4)}{_MARK}")
    with in_one_sentence(path, unfinished):
        _make_folder(path.parent)
        _mode(path)
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        unfinished.unlink()


def remove_unfinished(folder: str | Path) -> list[Path]:
    """Delete what killed writers left in a folder, and return the paths."""
    unfinished = sorted(path for path in Path(folder).iterdir() if _UNFINISHED.fullmatch(path.name))
    for path in unfinished:
        path.unlink(missing_ok=True)
    return unfinished


@contextmanager
def folder_lock(folder: Path, refusal: str) -> Iterator[int]:
    """Hold a folder for this process; gives the file descriptor of the lock.

    A process that inherits the descriptor holds the lock too: as long as a child lives whose
    parent was killed, no other command can start the same work beside it.

    Args:
        folder: Made if it is missing.
        refusal: The sentence for the user, if another process holds it.

    Raises:
        ConfigError: If another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / ".lock"
    with in_one_sentence(lock, lock):
        # A link that somebody has put there is not followed, and nothing is cut off.
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        take_lock(descriptor, refusal)
        yield descriptor
    finally:
        os.close(descriptor)


def take_lock(descriptor: int, refusal: str, is_shared: bool = False) -> None:
    """Lock an open file until it is closed.

    Args:
        descriptor: Of the file. One that is open for reading only can be shared alone: network
            file systems refuse more.
        refusal: The sentence for the user, if another process holds it.
        is_shared: Whether others may hold it as well, if they share it.

    Where the file system has no locks, as some of networks do not, a warning is all there is.

    Raises:
        ConfigError: If another process holds the lock.
    """
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigError(refusal) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        name = os.readlink(f"/proc/self/fd/{descriptor}")
        print(
            printable(
                f"warning: The file system of {name} has no locks "
                f"({os.strerror(error.errno).lower()}): see to it that no other command writes "
                "to the same place."
            ),
            file=sys.stderr,
        )


@dataclass(frozen=True, slots=True)
class FileStamp:
    """Size and time of change: a file whose stamp is the same is taken to be the same."""

    size_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, path: str | Path) -> "FileStamp | None":
        """Return the stamp of a file, None if there is none or it cannot be looked at."""
        try:
            found = os.stat(path)
        except (OSError, ValueError):  # No name of a file holds a zero byte.
            return None
        return cls(found.st_size, found.st_mtime_ns)

    def as_json(self) -> list[int]:
        """Return the stamp as the stamp of a job holds it."""
        return [self.size_bytes, self.modified_ns]


def is_stream(path: Path) -> bool:
    """Return whether a path names a device, a pipe or an open file of a process."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    # /dev/stdout can lead to a regular file: its name must not be replaced by one.
    if path.is_symlink() and os.readlink(path).startswith("/proc/"):
        return True
    if os.path.realpath(path.parent).startswith("/proc/"):
        return True
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder)) from None


def _mode(path: Path) -> int | None:
    """Return the permissions of the file that stands there, None if there is none."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        return None
    if not os.access(path, os.W_OK):  # Opening it would be refused; replacing it would not.
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    return stat.S_IMODE(mode)


def _delete_folder(folder: Path) -> None:
    """Delete a folder, or the link that stands for it."""
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def in_one_sentence(path: Path, unfinished: Path) -> Iterator[None]:
    """Turn errors of writing a file, and no others, into a sentence that names it.

    Args:
        path: The file.
        unfinished: What is written first and then takes its name.

    Raises:
        UnwritableFileError: In place of the error.
    """
    try:
        yield
    except UnwritableFileError:
        raise
    except OSError as error:
        named = Path(str(error.filename))
        # Of an unfinished folder also what stands in it.
        is_ours = (
            named in (path, *path.parents)
            or named.is_relative_to(unfinished)
            or (error.filename is None and error.errno in _FULL)
        )
        if not is_ours or error.strerror is None:
            raise
        remedy = _REMEDIES.get(error.errno or 0, "check the path and its permissions")
        raise UnwritableFileError(
            f"{path} cannot be written ({error.strerror.lower()}): {remedy}."
        ) from error
