"""Which files a user means by the paths on a command line."""

from collections.abc import Iterable
from pathlib import Path

from macbdf_mm.errors import MissingDataError
from macbdf_mm.media.media_file import SOUND_SUFFIXES, VIDEO_SUFFIXES


def expand_folders(paths: Iterable[str | Path]) -> list[Path]:
    """Return the files that ``paths`` stand for: themselves, or the media files of a folder.

    A folder is searched with its subfolders, hidden files left out, in the order of the
    names. One without a media file stands for itself, so that it is named in its turn.
    Whether a file exists or can be decoded is not looked at.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        files += (sorted(_media_below(path)) or [path]) if path.is_dir() else [path]
    return files


def check_is_file(path: Path) -> None:
    """Refuse a folder, which :func:`expand_folders` leaves only if it holds no media file.

    Raises:
        MissingDataError: If ``path`` is a folder.
    """
    if path.is_dir():
        raise MissingDataError(
            f"Folder '{path}' holds no video or sound file (looked for names that end in "
            f"{', '.join(VIDEO_SUFFIXES + SOUND_SUFFIXES)})."
        )


def _media_below(folder: Path) -> Iterable[Path]:
    for path in folder.rglob("*"):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        is_media = path.suffix.lower() in VIDEO_SUFFIXES + SOUND_SUFFIXES
        if is_media and not is_hidden and path.is_file():
            yield path
