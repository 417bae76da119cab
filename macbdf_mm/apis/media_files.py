"""Which files a user means by paths: of a command line, in a list, or from Python."""

import codecs
import glob
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from macbdf_mm.datasets.annotation import load_annotation
from macbdf_mm.errors import ArgumentError, MissingDataError
from macbdf_mm.media.container import SOUND_SUFFIXES, VIDEO_SUFFIXES
from macbdf_mm.utils.folder_walk import walk_folder

STDIN = "-"


def expand_paths(paths: Iterable[str | os.PathLike[str]]) -> Iterator[str]:
    """Yield the files that ``paths`` stand for: themselves, or those of a folder or a pattern.

    Of a folder these are the media files in it and in its subfolders, hidden ones left out; of a
    pattern, such as ``clips/**/*.mp4``, what it fits, folders among it expanded; both in the order
    of the names. A path that exists is no pattern. What may hide files stands for itself, so that
    it is named in its turn: a link that leads nowhere, a subfolder that cannot be read, a folder
    without a media file, a pattern that fits nothing. Whether a file exists or can be decoded is
    not looked at.

    Nothing is kept but the names in one folder, or those that fit one pattern.

    Raises:
        ValueError: If a path is empty.
    """
    for path in (os.fspath(item) for item in paths):
        if not path:  # A shell makes one of a variable that is not set; Path would say ".".
            raise ArgumentError("Expected the path of a file or folder, got an empty one.")
        if os.path.isdir(path):
            yield from _media_below(path)
        elif glob.has_magic(path) and not os.path.lexists(path):
            found = sorted(glob.iglob(path, recursive=True))
            # As `Path` writes them, so that one file has one name.
            for name in map(str, map(Path, found)):
                yield from _media_below(name) if os.path.isdir(name) else [name]
            if not found:
                yield path
        else:
            yield str(Path(path))


def listed_paths(lists: Iterable[str]) -> Iterator[str]:
    """Yield the paths that lists name, a line at a time.

    Args:
        lists: Text files with a path on each line, empty lines left out; ``-`` for stdin; an
            annotation (``.json``) names its clips relative to its folder.

    Raises:
        MissingDataError: If a list cannot be read, or is no text.
        AnnotationError: If an annotation is none.
    """
    for name in lists:
        if name.endswith(".json"):
            folder = Path(name).parent
            yield from (str(folder / row.file) for row in load_annotation(name).rows)
            continue
        with ExitStack() as stack:
            try:
                # Paths need not be text: odd bytes come back as they are.
                file = sys.stdin.buffer if name == STDIN else stack.enter_context(open(name, "rb"))
            except OSError as error:
                raise MissingDataError(
                    f"List '{name}' of --files-from cannot be read "
                    f"({(error.strerror or '').lower()}); expected a text file with a path on each "
                    "line, or - for stdin."
                ) from error
            for number, line in enumerate(file, start=1):
                if number == 1:
                    line = line.removeprefix(codecs.BOM_UTF8)
                if b"\0" in line:
                    raise MissingDataError(
                        f"List '{name}' of --files-from is no text in UTF-8: line {number} holds a "
                        "zero byte; save it as UTF-8, with a path on each line."
                    )
                if path := os.fsdecode(line.rstrip(b"\r\n")):
                    yield path


def check_is_there(path: str) -> None:
    """Refuse a path at which there is nothing, and a pattern that fits nothing.

    Raises:
        MissingDataError: If it is one.
    """
    if os.path.lexists(path) or next(glob.iglob(path, recursive=True), None) is not None:
        return
    if glob.has_magic(path):
        raise MissingDataError(f"No file fits the pattern '{path}'.")
    raise MissingDataError(f"No file at '{path}'.")


def check_is_file(path: Path) -> None:
    """Refuse what :func:`expand_paths` leaves only if no media file is found for it.

    Raises:
        MissingDataError: If ``path`` is a folder, or a pattern that fits nothing.
    """
    if not os.path.isdir(path):
        if glob.has_magic(str(path)):
            check_is_there(str(path))
        return
    try:
        os.listdir(path)
    except OSError as error:
        raise MissingDataError(
            f"Folder '{path}' cannot be read ({(error.strerror or '').lower()}), so nothing in it "
            "was looked at; check its permissions."
        ) from error
    raise MissingDataError(
        f"Folder '{path}' holds no video or sound file (looked for names that end in "
        f"{', '.join(VIDEO_SUFFIXES + SOUND_SUFFIXES)})."
    )


def _media_below(folder: str) -> Iterator[str]:
    is_empty = True
    for found in walk_folder(folder):
        is_media = found.path.lower().endswith(VIDEO_SUFFIXES + SOUND_SUFFIXES)
        if found.is_lost or (is_media and not found.is_repeated):
            is_empty = False
            yield str(Path(folder) / found.path)
    if is_empty:
        yield str(Path(folder))
