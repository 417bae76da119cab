"""Which files a user means by the paths on a command line."""

from collections.abc import Iterable
from pathlib import Path

from macbdf_mm.errors import MissingDataError

# What a folder is searched for; a file that is named itself may have any suffix.
VIDEO_SUFFIXES = (
    *(".3gp", ".asf", ".avi", ".f4v", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4"),
    *(".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv"),
)
SOUND_SUFFIXES = (".aac", ".flac", ".m4a", ".mka", ".mp3", ".oga", ".ogg", ".opus", ".wav")


def list_media(path: str | Path) -> list[Path]:
    """Return the files that ``path`` stands for: itself, or the media files of a folder.

    A folder is searched with its subfolders, hidden files left out; the order is that of the
    names. Whether a file exists or can be decoded is not looked at.

    Raises:
        MissingDataError: If ``path`` is a folder without a media file.
    """
    path = Path(path)
    if not path.is_dir():
        return [path]
    files = sorted(_media_below(path))
    if not files:
        raise MissingDataError(
            f"Folder '{path}' holds no video or sound file (looked for names that end in "
            f"{', '.join(VIDEO_SUFFIXES + SOUND_SUFFIXES)})."
        )
    return files


def _media_below(folder: Path) -> Iterable[Path]:
    for path in folder.rglob("*"):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        is_media = path.suffix.lower() in VIDEO_SUFFIXES + SOUND_SUFFIXES
        if is_media and not is_hidden and path.is_file():
            yield path
