"""The converter of data sets of one's own: a table, or plain folders by category."""

import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import AnnotationError, ConfigError, MissingDataError
from macbdf_mm.prepare.converters.converter import Converter, RowCollector
from macbdf_mm.prepare.converters.media_tree import MediaTree
from macbdf_mm.prepare.converters.read_table import read_csv, read_json, read_json_lines
from macbdf_mm.prepare.converters.stated_values import (
    label_of,
    published_split,
    split_fields,
    stated_intervals,
    stated_seconds,
    stated_text,
    tracks_of,
)
from macbdf_mm.registered_parts import Option
from macbdf_mm.registry import CONVERTERS
from macbdf_mm.structures.intervals import Interval
from macbdf_mm.structures.labels import FAKE, REAL, UNKNOWN, Label, clip_label, labels_contradict
from macbdf_mm.utils.tables import shown
from macbdf_mm.utils.text_files import parse_json

COLUMNS = (
    *("file", "label", "video_label", "audio_label", "category"),
    *("video_fake_intervals", "audio_fake_intervals"),
    *("identity", "source", "method", "split", "duration_seconds"),
)
_LABEL_COLUMNS = ("label", "video_label", "audio_label")
_NO_TEXT = ("", "-", "n/a", "none", "null", "nan")
_SPAN = re.compile(r"\s*([\d.]+)\s*-\s*([\d.]+)\s*")
_FOLDER_SPLITS = ("train", "val", "test")
_FOLDER_WORDS = ("real", "fake")


@CONVERTERS.register_module("generic")
class GenericConverter(Converter):
    """A data set of your own: a table, or folders by category.

    Serves what has no format of its own, such as DefakeAVMiT, of which no table is public.

    Layout:
        A CSV, JSON-lines or JSON file with a row per clip. Columns are the annotation fields:
        ``file`` must be there, all others may. Besides, ``category`` (such as RVFA or
        RealVideo-FakeAudio) stands for both track labels. What else there is goes into ``extra``.
        In CSV, intervals are JSON (``[[0.5, 1.2]]``) or ``0.5-1.2; 3-4``. Or no table, and folders
        whose names say what is in them, such as ``RealVideo-FakeAudio``, ``real``, ``fake``.

    Labels:
        As stated; both tracks of a real clip are real.

    Splits:
        ``split`` of the table, or folders ``train``, ``val`` and ``test``.

    Args:
        table: CSV, JSON-lines or JSON file with a row per clip; None takes the labels from names
            of folders.
        columns: Field of the annotation -> column of the table, where the two differ.
        values: Value in a column of labels -> ``real``, ``fake``, ``unknown`` or a category.
        identity_pattern: Regular expression that finds who is seen in the path of a file: its
            first group, or all of it. For rows that do not say.

    Raises:
        ConfigError: If the options do not fit each other.
    """

    def __init__(
        self,
        table: Annotated[
            str | None,
            Option(
                "CSV, JSON-lines or JSON file with a row per clip (default: labels from the names "
                "of folders, such as RealVideo-FakeAudio, real, fake)"
            ),
        ] = None,
        columns: Annotated[
            Mapping[str, str],
            Option(
                "what the table calls the fields of the annotation, such as file=name",
                "FIELD=COLUMN",
                "--column",
            ),
        ] = {},
        values: Annotated[
            Mapping[str, str],
            Option(
                "what values of labels mean (real, fake, unknown), such as generated=fake",
                "VALUE=MEANING",
                "--value",
            ),
        ] = {},
        identity_pattern: Annotated[
            str | None,
            Option("finds who is seen in the path of a file, such as '/(id[0-9]+)/'", "REGEX"),
        ] = None,
    ) -> None:
        self.table = None if table is None else Path(table)
        self.columns = columns
        self.values = values
        self.identity_pattern = identity_pattern
        if table is None and (columns or values):
            raise ConfigError("Expected `table` with `columns` and `values`: folders have neither.")
        unknown = [name for name in self.columns if name not in COLUMNS]
        if unknown:
            raise ConfigError(
                f"Expected fields of the annotation in `columns`, got {unknown[0]!r}; there are "
                f"{', '.join(COLUMNS)}."
            )
        for value, meaning in self.values.items():
            if label_of(meaning) is None and tracks_of(meaning) is None:
                raise ConfigError(
                    "Expected `values` that mean real, fake, unknown or a category, got "
                    f"{meaning!r} for {value!r}."
                )

    def read(self, collector: RowCollector) -> list[ClipRow]:
        """Return the rows of the table, or of the folders."""
        find = _identity_finder(self.identity_pattern)
        if self.table is not None:
            self._read_table(self.table, collector)
        else:
            _read_folders(collector)
        rows = collector.finish()
        return [replace(row, identity=row.identity or find(row.file)) for row in rows]

    def _read_table(self, table: Path, collector: RowCollector) -> None:
        """Collect the rows of a table.

        Files are relative to the root of the tree; failing that, to the table's folder, or anywhere
        below the root if only one file's path ends like that.
        """
        for place, stated in self._lines(table):
            if not isinstance(stated, dict):
                collector.refuse(shown(stated), place, "it is no object")
                continue
            entry = self._renamed(stated)
            try:
                row = self._row(entry, table, collector.tree)
            except ValueError as error:
                name = entry.get("file")
                is_text = isinstance(name, str)
                file = _locate(str(name), table, collector.tree) if is_text else shown(name)
                collector.refuse(file, place, str(error))
            else:
                collector.add(row, place)

    def _lines(self, path: Path) -> Iterator[tuple[str, Any]]:
        """Yield the place of each row and what stands there."""
        suffix = path.suffix.lower()
        if suffix in (".csv", ".tsv"):
            needed = {"file": "file", **self.columns}
            for line, cells in read_csv(path, needed=tuple(needed.values())):
                yield f"{path.name}, line {line}", cells
        elif suffix in (".jsonl", ".ndjson"):
            for line, value in read_json_lines(path):
                yield f"{path.name}, line {line}", value
        elif suffix == ".json":
            for number, value in enumerate(read_json(path, list), 1):
                yield f"{path.name}, entry {number}", value
        else:
            raise AnnotationError(
                f"{path}: expected a table with the suffix .csv, .jsonl or .json, got {suffix!r}."
            )

    def _renamed(self, stated: Mapping[str, Any]) -> dict[str, Any]:
        """Return the row by the names of the fields; text that says nothing is left out."""
        own_names = {column: name for name, column in self.columns.items()}
        # A column of the table with the name of a field that another one was named for is not it.
        free = {name: value for name, value in stated.items() if name and name not in self.columns}
        entry = free | {
            own_names[name]: value for name, value in stated.items() if name in own_names
        }
        return {name: value for name, value in entry.items() if not _says_nothing(name, value)}

    def _row(self, entry: dict[str, Any], path: Path, tree: MediaTree) -> ClipRow:
        """Return the row that an entry states, or raise a ValueError that says what is wrong."""
        stated = stated_text(entry, "file")
        if stated is None:
            raise ValueError("it has no `file`")
        label, video, audio = _labels(entry, self.values)
        source = _text(entry, "source")
        fields = split_fields(entry.get("split"))
        extra = {name: value for name, value in entry.items() if name not in COLUMNS}
        return ClipRow(
            file=_locate(stated, path, tree),
            label=label,
            video_label=video,
            audio_label=audio,
            video_fake_intervals=_intervals(entry, "video_fake_intervals"),
            audio_fake_intervals=_intervals(entry, "audio_fake_intervals"),
            identity=_text(entry, "identity"),
            source=None if source is None else _locate(source, path, tree),
            method=_text(entry, "method"),
            split=fields["split"],
            extra={**extra, **fields["extra"]},
            duration_seconds=stated_seconds(entry, "duration_seconds"),
        )


def _says_nothing(name: str, value: Any) -> bool:
    """Return whether a value of a column is one of those that stand where nothing is known."""
    if isinstance(value, str) and name in COLUMNS and name != "file":
        return value.strip().lower() in _NO_TEXT
    # JSON that pandas or Python writes holds NaN.
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _labels(entry: Mapping[str, Any], own_values: Mapping[str, str]) -> tuple[Label, Label, Label]:
    """Return label, video label and audio label."""
    found = {name: _label(entry, name, own_values) for name in _LABEL_COLUMNS}
    if (category := stated_text(entry, "category")) is not None:
        tracks = tracks_of(own_values.get(category, category))
        if tracks is None:
            raise ValueError(f"`category` is {shown(category)}, expected RVRA, FVRA, RVFA or FVFA")
        for name, track in zip(("video_label", "audio_label"), tracks, strict=True):
            if found[name] not in (UNKNOWN, track):
                raise ValueError(f"`category` {shown(category)} contradicts `{name}` {found[name]}")
            found[name] = track
    label, video, audio = found["label"], found["video_label"], found["audio_label"]
    if labels_contradict(label, video, audio):
        raise ValueError(
            f"`label` {label} contradicts `video_label` {video} and `audio_label` {audio}"
        )
    if label == REAL:
        return REAL, REAL, REAL
    return (clip_label(video, audio) if label == UNKNOWN else label), video, audio


def _label(entry: Mapping[str, Any], name: str, own_values: Mapping[str, str]) -> Label:
    label = label_of(entry.get(name), own_values)
    if label is None:
        raise ValueError(
            f"`{name}` is {shown(entry[name])}, expected real, fake or unknown; say what it means"
        )
    return label


def _text(entry: Mapping[str, Any], name: str) -> str | None:
    value = entry.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # Identities are often numbers.
    text = stated_text({name: value}, name)
    return None if text is None else text.strip()


def _intervals(entry: Mapping[str, Any], name: str) -> tuple[Interval, ...]:
    value = entry.get(name)
    if not isinstance(value, str):
        return stated_intervals(entry, name)
    if value.lstrip().startswith("["):
        try:
            return stated_intervals({name: parse_json(value, name)}, name)
        except AnnotationError:
            raise ValueError(f"`{name}` is {shown(value)}, which is no JSON") from None
    pairs = []
    for stated in filter(str.strip, value.split(";")):
        span = _SPAN.fullmatch(stated)
        if span is None:
            raise ValueError(
                f"`{name}` is {shown(value)}, expected a list of [start, end] in seconds, or spans "
                "as in 0.5-1.2; 3-4"
            )
        pairs.append([*span.groups()])
    return stated_intervals({name: pairs}, name)


def _locate(stated: str, table: Path, tree: MediaTree) -> str:
    """Return the file below the root that is stated, or where it should be."""
    direct = tree.place("", stated)
    beside = tree.below_root(os.path.join(table.parent, stated.replace("\\", "/"))) or direct
    exact = next((path for path in (direct, beside) if path in tree.media), None)
    if exact is not None:
        return exact
    found = tree.ending(direct)
    return found[0] if len(found) == 1 else tree.find(direct, beside) or direct


def _read_folders(collector: RowCollector) -> None:
    """Collect a row for each media file below a folder that is named for a label.

    A folder that names both tracks counts, as ``RealVideo-FakeAudio`` or ``RVFA``; else ``real``
    (both tracks are) or ``fake`` (which track is not known); the innermost one decides. A folder
    ``train``, ``val``, ``validation``, ``dev`` or ``test`` names the split. Files below neither are
    files without rows.

    Raises:
        MissingDataError: If no folder is named for a label.
    """
    for file in collector.tree.media:
        folders = PurePosixPath(file).parts[:-1]
        labels = _labels_of_folders(folders)
        if labels is None:
            continue
        label, video, audio = labels
        splits = [name for folder in folders if (name := published_split(folder)) in _FOLDER_SPLITS]
        row = ClipRow(file, label, video, audio, **split_fields(splits[-1] if splits else None))
        collector.add(row, f"folder {'/'.join(folders)}")
    if not collector.num_read:
        raise MissingDataError(
            f"No folder below {collector.tree.root} is named for a label, such as "
            "RealVideo-FakeAudio, real or fake, with videos in it; name a table instead."
        )


def _labels_of_folders(folders: tuple[str, ...]) -> tuple[Label, Label, Label] | None:
    """Return label, video label and audio label that the folders say, None if they say none."""
    for folder in reversed(folders):
        tracks = tracks_of(folder)
        if tracks is not None:
            return clip_label(*tracks), *tracks
    for folder in reversed(folders):
        if folder.lower() in _FOLDER_WORDS:
            is_real = label_of(folder) == REAL
            return (REAL, REAL, REAL) if is_real else (FAKE, UNKNOWN, UNKNOWN)
    return None


def _identity_finder(pattern: str | None) -> Callable[[str], str | None]:
    if pattern is None:
        return lambda path: None
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(
            f"Expected `identity_pattern` to be a regular expression, got {pattern!r}: {error}."
        ) from None

    def find(path: str) -> str | None:
        match = compiled.search(path)
        return None if match is None else match.group(1 if compiled.groups else 0)

    return find
