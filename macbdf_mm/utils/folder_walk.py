"""All that lies below a folder, with the reason where something cannot be looked at."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from macbdf_mm.utils.files import FileStamp

_KINDS = {
    stat.S_IFIFO: "is a pipe, no file",
    stat.S_IFSOCK: "is a socket, no file",
    stat.S_IFCHR: "is a device, no file",
    stat.S_IFBLK: "is a device, no file",
}


@dataclass(frozen=True)
class Found:
    """A file, or what stands in the place of files.

    Attributes:
        path: Relative to the folder, with ``/``; ``"."`` is the folder itself.
        stamp: Of a file; None for all else.
        problem: Why it is no file that can be looked at, as the rest of a sentence; None for a
            file.
        is_lost: Whether files may be missing for that reason: behind a link that leads nowhere,
            or in a folder that cannot be read.
        is_repeated: Whether it is a folder that was looked into at another place.
    """

    path: str
    stamp: FileStamp | None = None
    problem: str | None = None
    is_lost: bool = False
    is_repeated: bool = False


def walk_folder(root: str | Path) -> Iterator[Found]:
    """Yield the files below a folder and what is wrong with the rest, in the order of names.

    Linked folders are followed, each folder once; hidden files and folders are left out.

    Args:
        root: A folder.
    """
    seen: dict[tuple[int, int], str] = {}
    waiting = ["."]
    while waiting:
        path = waiting.pop()
        place = os.path.join(root, path)
        try:
            status = os.stat(place)
            if not stat.S_ISDIR(status.st_mode):
                yield _found(path, status)
                continue
            # A link back into the tree would never end.
            first = seen.setdefault((status.st_dev, status.st_ino), path)
            if first != path:
                problem = f"is the folder '{first}' once more, which was looked into there"
                yield Found(path, problem=problem, is_repeated=True)
                continue
            names = [name for name in os.listdir(place) if not name.startswith(".")]
        except OSError as error:
            yield Found(path, problem=_describe(place, error), is_lost=True)
            continue
        prefix = "" if path == "." else path + "/"
        waiting += [prefix + name for name in sorted(names, reverse=True)]


def _found(path: str, status: os.stat_result) -> Found:
    if stat.S_ISREG(status.st_mode):
        return Found(path, FileStamp(status.st_size, status.st_mtime_ns))
    return Found(path, problem=_KINDS.get(stat.S_IFMT(status.st_mode), "is no file"))


def _describe(place: str, error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    if isinstance(error, FileNotFoundError) and os.path.islink(place):
        return f"is a link to '{os.readlink(place)}', where there is nothing"
    return f"cannot be looked into ({reason})"
