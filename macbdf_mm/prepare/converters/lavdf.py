"""The converter of LAV-DF."""

from collections.abc import Mapping
from typing import Any

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import MissingDataError
from macbdf_mm.prepare.converters.converter import Converter, RowCollector
from macbdf_mm.prepare.converters.media_tree import MediaTree, folder_of, join
from macbdf_mm.prepare.converters.read_table import read_json
from macbdf_mm.prepare.converters.stated_values import (
    split_fields,
    stated_intervals,
    stated_seconds,
    stated_text,
)
from macbdf_mm.registry import CONVERTERS
from macbdf_mm.structures.labels import FAKE, REAL, Label, clip_label
from macbdf_mm.utils.tables import shown

_KEYS = (
    *("file", "n_fakes", "fake_periods", "duration", "original"),
    *("modify_video", "modify_audio", "split"),
)


@CONVERTERS.register_module("lavdf")
class LavDfConverter(Converter):
    """LAV-DF, Localized Audio Visual DeepFake.

    Layout:
        ``metadata.json``, or ``metadata.min.json``, the same without transcripts: a list of
        objects, whose ``file`` is relative to its folder, as in ``test/000001.mp4``.

    Labels:
        ``modify_video`` and ``modify_audio``; ``fake_periods`` are ``[start, end]`` in seconds,
        and count for each track that was modified.

    Splits:
        ``train``, ``dev`` (here ``val``) and ``test``. ``source`` is ``original``; people are
        not named. More files than rows were published: they are listed, not guessed.
    """

    def read(self, collector: RowCollector) -> list[ClipRow]:
        """Return the rows of a LAV-DF tree."""
        tree = collector.tree
        tables = _tables(tree)
        if not tables:
            raise MissingDataError(
                f"No metadata.json or metadata.min.json below {tree.root}; expected a LAV-DF "
                "folder as published."
            )
        for table in tables:
            folder = folder_of(table)
            for index, entry in enumerate(read_json(tree.root / table, list, _KEYS)):
                place = f"{table}, entry {index + 1}"
                entry = entry if isinstance(entry, dict) else {}
                try:
                    row = _row(entry, tree, folder)
                except ValueError as error:
                    collector.refuse(_named(entry, tree, folder), place, str(error))
                else:
                    collector.add(row, place)
        return collector.finish()


def _tables(tree: MediaTree) -> list[str]:
    """Return one table a folder: the short one, which says the same in a tenth of the memory."""
    by_folder = {folder_of(table): table for table in tree.tables("metadata.json")}
    by_folder |= {folder_of(table): table for table in tree.tables("metadata.min.json")}
    return sorted(by_folder.values())


def _row(entry: Mapping[str, Any], tree: MediaTree, folder: str) -> ClipRow:
    """Return the row that an entry states, or raise a ValueError that says what is wrong."""
    stated = stated_text(entry, "file")
    if stated is None:
        raise ValueError("it has no `file`")
    place = tree.place(folder, stated)
    file = tree.find(place) or place
    labels = {track: _label(entry, f"modify_{track}") for track in ("video", "audio")}
    periods = stated_intervals(entry, "fake_periods")
    num_fakes = entry.get("n_fakes", len(periods))
    if not isinstance(num_fakes, int) or isinstance(num_fakes, bool):
        raise ValueError(f"`n_fakes` is {shown(num_fakes)}, expected a whole number")
    label = clip_label(labels["video"], labels["audio"])
    if (num_fakes > 0 or bool(periods)) != (label == FAKE):
        raise ValueError(
            f"`n_fakes` {num_fakes} and {len(periods)} `fake_periods` contradict `modify_video` "
            f"{entry['modify_video']} and `modify_audio` {entry['modify_audio']}"
        )
    original = stated_text(entry, "original")
    return ClipRow(
        file=file,
        label=label,
        video_label=labels["video"],
        audio_label=labels["audio"],
        video_fake_intervals=periods if labels["video"] == FAKE else (),
        audio_fake_intervals=periods if labels["audio"] == FAKE else (),
        source=None if original is None else _locate_source(original, file, tree, folder),
        duration_seconds=stated_seconds(entry, "duration"),
        **split_fields(entry.get("split")),
    )


def _named(entry: Mapping[str, Any], tree: MediaTree, folder: str) -> str:
    """Return which file an entry is about that is not understood."""
    stated = entry.get("file")
    return tree.place(folder, stated) if isinstance(stated, str) else shown(stated)


def _label(entry: Mapping[str, Any], name: str) -> Label:
    value = entry.get(name)
    if not isinstance(value, bool):
        raise ValueError(f"`{name}` is {shown(value)}, expected true or false")
    return FAKE if value else REAL


def _locate_source(original: str, file: str, tree: MediaTree, folder: str) -> str | None:
    """Return the original's file, or its name as it is stated where there is none."""
    place = tree.place(folder, original)
    found = tree.find(place, join(folder_of(file), original)) or place
    return None if found == file else found
