"""Which files a user means by the paths on a command line."""

import os
from collections.abc import Iterable
from pathlib import Path

from macbdf_mm.errors import MissingDataError
from macbdf_mm.media.media_file import SOUND_SUFFIXES, VIDEO_SUFFIXES


def expand_folders(paths: Iterable[str | Path]) -> list[Path]:
    """Return the files that ``paths`` stand for: themselves, or the media files of a folder.

    A folder is searched with its subfolders and linked folders, each once, hidden files left out,
    in the order of the names. One without a media file, or that must not be looked into, stands
    for itself, so that it is named in its turn. Whether a file exists or can be decoded is not
    looked at.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        files += (sorted(_media_below(path)) or [path]) if _is_folder(path) else [path]
    return files


def check_is_file(path: Path) -> None:
    """Refuse a folder, which :func:`expand_folders` leaves only if it holds no media file.

    Raises:
        MissingDataError: If ``path`` is a folder.
    """
    if not _is_folder(path):
        return
    try:
        os.scandir(path).close()
    except OSError as error:
        raise MissingDataError(
            f"Folder '{path}' cannot be looked into: {error.strerror}."
        ) from error
    raise MissingDataError(
        f"Folder '{path}' holds no video or sound file (looked for names that end in "
        f"{', '.join(VIDEO_SUFFIXES + SOUND_SUFFIXES)})."
    )


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # Such as a name that is too long: who opens the file says so.
        return False


def _media_below(folder: Path) -> list[Path]:
    """Return what is named as a media file, be it one or a link to nothing, and locked folders."""
    found: list[Path] = []
    seen: set[tuple[int, int]] = set()

    def keep_locked(error: OSError) -> None:
        found.append(Path(error.filename))

    for place, folders, names in os.walk(folder, onerror=keep_locked, followlinks=True):
        status = os.stat(place)
        if (status.st_dev, status.st_ino) in seen:  # A link back into the tree would never end.
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            Path(place, name)
            for name in names
            if not name.startswith(".") and name.lower().endswith(VIDEO_SUFFIXES + SOUND_SUFFIXES)
        ]
    return found
