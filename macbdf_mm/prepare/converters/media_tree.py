"""What lies on the disk: the media files and the tables below a folder."""

import os
import posixpath
import unicodedata
from collections import defaultdict
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from macbdf_mm.errors import AnnotationError, MissingDataError
from macbdf_mm.media.container import SOUND_SUFFIXES, VIDEO_SUFFIXES
from macbdf_mm.utils.files import FileStamp
from macbdf_mm.utils.folder_walk import walk_folder


class MediaTree:
    """The files below a folder, by their path relative to it (with ``/``).

    Linked folders are followed, each folder once; hidden files and folders are left out.

    Args:
        root: The folder.

    Attributes:
        media: Video and sound files with their stamps, in the order of their names.
        others: All other files, such as tables of labels.
        problems: What else there is -> why it was not looked at: links that lead nowhere, folders
            that cannot be read.
        respelled: File -> how a table spells it, for those found by a spelling of its own.

    Raises:
        MissingDataError: If there is no such folder.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise MissingDataError(f"No data folder at {root}; check the path.")
        self.media: dict[str, FileStamp] = {}
        self.others: list[str] = []
        self.respelled: dict[str, str] = {}
        self.problems: dict[str, str] = {}
        for found in walk_folder(self.root):
            path = found.path
            if any("\ud800" <= letter <= "\udfff" for letter in path):
                raise AnnotationError(
                    f"The name {os.fsencode(self.root / path)!r} is not UTF-8, so no annotation "
                    "can hold it; rename the file or folder."
                )
            if found.stamp is None:
                self.problems[path] = found.problem or ""
            elif path.lower().endswith(VIDEO_SUFFIXES + SOUND_SUFFIXES):
                self.media[path] = found.stamp
            else:
                self.others.append(path)
        # Number of parts of a path's end -> the end -> the files that have it.
        self._by_ending: dict[int, dict[str, list[str]]] = {}
        # The same by what is left of an end where its spelling does not count.
        self._by_loose_ending: dict[int, dict[str, list[str]]] = {}

    def place(self, folder: str, stated: str) -> str:
        """Return the path relative to the root that a table in one of its folders states."""
        below = self.below_root(stated) if os.path.isabs(stated) else None
        return join(folder, stated) if below is None else below

    def below_root(self, path: str) -> str | None:
        """Return the relative path of a path of this machine, None if it leads elsewhere."""
        for normal in (os.path.abspath, os.path.realpath):
            try:
                root, full = normal(self.root), normal(path)
            except ValueError:  # No name at all: it holds a zero, or half of a character.
                return None
            if full.startswith(os.path.join(root, "")):
                return os.path.relpath(full, root)
        return None

    def find(self, *places: str) -> str | None:
        """Return the media file that the first of some relative paths means, None if none does.

        If there is none of exactly these names, the only one counts that differs in its spelling:
        in case, in ``\\`` for ``/``, in how accents are composed, in ``%20`` for a space.
        """
        for place in places:
            if place in self.media:
                return place
        for place in places:
            found = [p for p in self._loose_ending(place) if _loose(p) == _loose(place)]
            if len(found) == 1:
                return self._respelled(found[0], place)
        return None

    def ending(self, tail: str, below: str = "") -> list[str]:
        """Return the media files below a folder whose path ends in ``tail``, as in ``a/b.mp4``.

        If there is none, those whose end differs in its spelling alone, as in :meth:`find`.
        """
        tail = join("", tail)
        length = tail.count("/") + 1
        if length not in self._by_ending:
            index: dict[str, list[str]] = defaultdict(list)
            for path in self.media:
                index["/".join(path.rsplit("/", length)[-length:])].append(path)
            self._by_ending[length] = index
        found = self._by_ending[length].get(tail, [])
        if not found:
            found = [self._respelled(path, tail) for path in self._loose_ending(tail)]
        return [path for path in found if is_below(path, below)]

    def _loose_ending(self, tail: str) -> list[str]:
        tail = _loose(tail)
        length = tail.count("/") + 1
        if length not in self._by_loose_ending:
            index: dict[str, list[str]] = defaultdict(list)
            for path in self.media:
                index[_loose("/".join(path.rsplit("/", length)[-length:]))].append(path)
            self._by_loose_ending[length] = index
        return self._by_loose_ending[length].get(tail, [])

    def _respelled(self, path: str, stated: str) -> str:
        if not path.endswith(stated.strip().replace("\\", "/")):
            self.respelled[path] = stated
        return path

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
    """Return a path relative to the root for one that is relative to a folder of it.

    Without ``.``, and with ``..`` only where it leads out of the root.
    """
    joined = posixpath.normpath(posixpath.join(folder, path.lstrip("/")))
    return "" if joined == "." else joined


def _loose(path: str) -> str:
    """Return what is left of a path where its spelling does not count."""
    path = posixpath.normpath(unquote(path.strip()).replace("\\", "/"))
    return unicodedata.normalize("NFC", path).casefold()
