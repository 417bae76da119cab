"""Which files a user means by the paths on a command line."""

import os
from collections.abc import Iterable
from pathlib import Path

from macbdf_mm.errors import MissingDataError
from macbdf_mm.media.container import SOUND_SUFFIXES, VIDEO_SUFFIXES
from macbdf_mm.utils.folder_walk import walk_folder


def expand_folders(paths: Iterable[str | Path]) -> list[Path]:
    """Return the files that ``paths`` stand for: themselves, or the media files of a folder.

    A folder is searched with its subfolders, hidden files left out, in the order of the names.
    What may hide files stands for itself, so that it is named in its turn: a link that leads
    nowhere, a subfolder that cannot be read, and a folder without a media file. Whether a file
    exists or can be decoded is not looked at.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        files += _media_below(path) if os.path.isdir(path) else [path]
    return files


def check_is_file(path: Path) -> None:
    """Refuse a folder, which :func:`expand_folders` leaves only if no media file is found in it.

    Raises:
        MissingDataError: If ``path`` is a folder.
    """
    if not os.path.isdir(path):
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


def _media_below(folder: Path) -> list[Path]:
    files = []
    for found in walk_folder(folder):
        is_media = found.path.lower().endswith(VIDEO_SUFFIXES + SOUND_SUFFIXES)
        if found.is_lost or (is_media and not found.is_repeated):
            files.append(folder / found.path)
    return files or [folder]
