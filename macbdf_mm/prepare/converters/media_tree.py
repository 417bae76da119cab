"""What lies on the disk: the media files and the tables below a folder."""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from macbdf_mm.errors import AnnotationError, MissingDataError
from macbdf_mm.media.media_file import SOUND_SUFFIXES, VIDEO_SUFFIXES
from macbdf_mm.utils.files import FileStamp


class MediaTree:
    """The files below a folder, by their path relative to it (with ``/``).

    Linked folders are followed, each folder once; hidden files and folders are left out.

    Args:
        root: The folder.

    Attributes:
        media: Video and sound files with their stamps, in the order of their names.
        others: All other files, such as tables of labels.

    Raises:
        MissingDataError: If there is no such folder.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise MissingDataError(f"No data folder at {root}; check the path.")
        self.media: dict[str, FileStamp] = {}
        self.others: list[str] = []
        for path, entry in _walk(self.root, "", set()):
            if path.lower().endswith(VIDEO_SUFFIXES + SOUND_SUFFIXES):
                stat = entry.stat()
                self.media[path] = FileStamp(stat.st_size, stat.st_mtime_ns)
            else:
                self.others.append(path)
        # Number of parts of a path's end -> the end -> the files that have it.
        self._by_ending: dict[int, dict[str, list[str]]] = {}

    def ending(self, tail: str, below: str = "") -> list[str]:
        """Return the media files below a folder whose path ends in ``tail``, as in ``a/b.mp4``."""
        length = tail.count("/") + 1
        if length not in self._by_ending:
            index: dict[str, list[str]] = defaultdict(list)
            for path in self.media:
                index["/".join(path.rsplit("/", length)[-length:])].append(path)
            self._by_ending[length] = index
        return [path for path in self._by_ending[length].get(tail, ()) if is_below(path, below)]

    def tables(self, name: str) -> list[str]:
        """Return the files other than media that have this name, whatever their folder."""
        return [path for path in self.others if PurePosixPath(path).name == name]


def is_below(path: str, folder: str) -> bool:
    """Return whether a relative path lies in a folder; everything lies in ``""``."""
    return not folder or path.startswith(folder + "/")


def folder_of(path: str) -> str:
    """Return the folder of a relative path, ``""`` for the root."""
    return path.rpartition("/")[0]


def join(folder: str, path: str) -> str:
    """Return a path relative to the root for one that is relative to a folder of it."""
    parts = [part for part in (*folder.split("/"), *path.split("/")) if part not in ("", ".")]
    return "/".join(parts)


def _walk(
    folder: Path, prefix: str, seen: set[tuple[int, int]]
) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    """Yield relative path and entry of every file, sorted by name."""
    stat = folder.stat()
    if (stat.st_dev, stat.st_ino) in seen:  # A link back into the tree would never end.
        return
    seen.add((stat.st_dev, stat.st_ino))
    with os.scandir(folder) as entries:
        found = sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
    for entry in found:
        path = prefix + entry.name
        if any("\ud800" <= letter <= "\udfff" for letter in entry.name):
            raise AnnotationError(
                f"The name {os.fsencode(entry.path)!r} is not UTF-8, so no annotation can hold it; "
                "rename the file or folder."
            )
        if entry.is_dir():
            yield from _walk(Path(entry.path), path + "/", seen)
        elif entry.is_file():
            yield path, entry
