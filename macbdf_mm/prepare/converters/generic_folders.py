"""Labels from the names of folders: plain ``real`` and ``fake``, or one for each category."""

from pathlib import PurePosixPath

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import MissingDataError
from macbdf_mm.prepare.converters.category_names import label_of, tracks_of
from macbdf_mm.prepare.converters.media_tree import MediaTree
from macbdf_mm.prepare.converters.published_split import published_split, split_fields
from macbdf_mm.prepare.converters.row_collector import RowCollector
from macbdf_mm.structures.labels import FAKE, REAL, UNKNOWN, clip_label

_SPLITS = ("train", "val", "test")
_WORDS = ("real", "fake")


def read_folders(tree: MediaTree, collector: RowCollector) -> None:
    """Collect a row for each media file below a folder that is named for a label.

    A folder that names both tracks counts, as ``RealVideo-FakeAudio`` or ``RVFA``; else ``real``
    (both tracks are) or ``fake`` (which track is not known); the innermost one decides. A folder
    ``train``, ``val``, ``validation``, ``dev`` or ``test`` names the split. Files below neither are
    files without rows.

    Raises:
        MissingDataError: If no folder is named for a label.
    """
    for file in tree.media:
        folders = PurePosixPath(file).parts[:-1]
        labels = _labels(folders)
        if labels is None:
            continue
        label, video, audio = labels
        splits = [name for folder in folders if (name := published_split(folder)) in _SPLITS]
        row = ClipRow(file, label, video, audio, **split_fields(splits[-1] if splits else None))
        collector.add(row, f"folder {'/'.join(folders)}")
    if not collector.num_read:
        raise MissingDataError(
            f"No folder below {tree.root} is named for a label, such as RealVideo-FakeAudio, real "
            "or fake, with videos in it; name a table instead."
        )


def _labels(folders: tuple[str, ...]) -> tuple[int, int, int] | None:
    """Return label, video label and audio label that the folders say, None if they say none."""
    for folder in reversed(folders):
        tracks = tracks_of(folder)
        if tracks is not None:
            return clip_label(*tracks), *tracks
    for folder in reversed(folders):
        if folder.lower() in _WORDS:
            is_real = label_of(folder) == REAL
            return (REAL, REAL, REAL) if is_real else (FAKE, UNKNOWN, UNKNOWN)
    return None
