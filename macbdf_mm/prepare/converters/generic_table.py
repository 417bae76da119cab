"""A table of one's own: CSV, JSON lines or JSON, with a row a clip.

Columns are the fields of the annotation: ``file`` must be there, all others may. Besides,
``category`` (such as RVFA or RealVideo-FakeAudio) stands for both track labels. What else there
is goes into ``extra``. In CSV, intervals are JSON (``[[0.5, 1.2]]``) or ``0.5-1.2; 3-4``.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import AnnotationError, ConfigError
from macbdf_mm.prepare.converters.category_names import label_of, tracks_of
from macbdf_mm.prepare.converters.generic_options import GenericOptions
from macbdf_mm.prepare.converters.media_tree import MediaTree, join
from macbdf_mm.prepare.converters.published_split import split_fields
from macbdf_mm.prepare.converters.read_table import read_csv, read_json, read_json_lines
from macbdf_mm.prepare.converters.row_collector import RowCollector
from macbdf_mm.prepare.converters.stated_values import (
    stated_intervals,
    stated_seconds,
    stated_text,
)
from macbdf_mm.structures.intervals import Interval
from macbdf_mm.structures.labels import REAL, UNKNOWN, clip_label, labels_contradict

COLUMNS = (
    *("file", "label", "video_label", "audio_label", "category"),
    *("video_fake_intervals", "audio_fake_intervals"),
    *("identity", "source", "method", "split", "duration_seconds"),
)
_LABEL_COLUMNS = ("label", "video_label", "audio_label")
_NO_TEXT = ("-", "n/a", "none", "null", "nan")
_SPAN = re.compile(r"\s*([\d.]+)\s*-\s*([\d.]+)\s*")


def read_own_table(
    path: Path, tree: MediaTree, collector: RowCollector, options: GenericOptions
) -> None:
    """Collect the rows of a table.

    Files are relative to the root of the tree; failing that, to the table's folder, or anywhere
    below the root if only one file's path ends like that.

    Raises:
        ConfigError: If an option names a field that does not exist.
        MissingDataError: If there is no such table.
        AnnotationError: If it breaks its format, or lacks a column that an option names.
    """
    _check_options(options)
    for place, stated in _lines(path, options):
        if not isinstance(stated, dict):
            collector.refuse(str(stated), place, "it is no object")
            continue
        entry = _renamed(stated, options)
        try:
            row = _row(entry, path, tree, options)
        except ValueError as error:
            file = _locate(str(entry.get("file")), path, tree)
            collector.refuse(file, place, str(error))
        else:
            collector.add(row, place)


def _lines(path: Path, options: GenericOptions) -> Iterator[tuple[str, Any]]:
    """Yield the place of each row and what stands there."""
    suffix = path.suffix.lower()
    if suffix == ".csv":
        needed = {"file": "file", **options.columns}
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


def _renamed(stated: Mapping[str, Any], options: GenericOptions) -> dict[str, Any]:
    """Return the row by the names of the fields; text that says nothing is left out."""
    own_names = {column: name for name, column in options.columns.items()}
    entry = {own_names.get(column, column): value for column, value in stated.items() if column}
    return {name: value for name, value in entry.items() if value != "" and value is not None}


def _row(entry: dict[str, Any], path: Path, tree: MediaTree, options: GenericOptions) -> ClipRow:
    """Return the row that an entry states, or raise a ValueError that says what is wrong."""
    stated = stated_text(entry, "file")
    if stated is None:
        raise ValueError("it has no `file`")
    label, video, audio = _labels(entry, options.values)
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


def _labels(entry: Mapping[str, Any], own_values: Mapping[str, str]) -> tuple[int, int, int]:
    """Return label, video label and audio label."""
    found = {name: _label(entry, name, own_values) for name in _LABEL_COLUMNS}
    if (category := stated_text(entry, "category")) is not None:
        tracks = tracks_of(own_values.get(category, category))
        if tracks is None:
            raise ValueError(f"`category` is {category!r}, expected RVRA, FVRA, RVFA or FVFA")
        for name, track in zip(("video_label", "audio_label"), tracks, strict=True):
            if found[name] not in (UNKNOWN, track):
                raise ValueError(f"`category` {category!r} contradicts `{name}` {found[name]}")
            found[name] = track
    label, video, audio = found["label"], found["video_label"], found["audio_label"]
    if labels_contradict(label, video, audio):
        raise ValueError(
            f"`label` {label} contradicts `video_label` {video} and `audio_label` {audio}"
        )
    if label == REAL:
        return REAL, REAL, REAL
    return (clip_label(video, audio) if label == UNKNOWN else label), video, audio


def _label(entry: Mapping[str, Any], name: str, own_values: Mapping[str, str]) -> int:
    label = label_of(entry.get(name), own_values)
    if label is None:
        raise ValueError(
            f"`{name}` is {entry[name]!r}, expected real, fake or unknown; say what it means"
        )
    return label


def _text(entry: Mapping[str, Any], name: str) -> str | None:
    value = entry.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # Identities are often numbers.
    text = stated_text({name: value}, name)
    return None if text is None or text.strip().lower() in _NO_TEXT else text.strip()


def _intervals(entry: Mapping[str, Any], name: str) -> tuple[Interval, ...]:
    value = entry.get(name)
    if not isinstance(value, str):
        return stated_intervals(entry, name)
    if value.lstrip().startswith("["):
        try:
            return stated_intervals({name: json.loads(value)}, name)
        except json.JSONDecodeError:
            raise ValueError(f"`{name}` is {value!r}, which is no JSON") from None
    spans = [_SPAN.fullmatch(span) for span in value.split(";") if span.strip()]
    pairs = [list(span.groups()) if span is not None else None for span in spans]
    return stated_intervals({name: pairs}, name)


def _locate(stated: str, table: Path, tree: MediaTree) -> str:
    """Return the file below the root that is stated, or where it should be."""
    direct = join("", stated)
    if direct in tree.media:
        return direct
    beside = table.parent / stated
    if beside.is_file() and beside.is_relative_to(tree.root):
        return beside.relative_to(tree.root).as_posix()
    found = tree.ending(direct)
    return found[0] if len(found) == 1 else direct


def _check_options(options: GenericOptions) -> None:
    unknown = [name for name in options.columns if name not in COLUMNS]
    if unknown:
        raise ConfigError(
            f"Expected fields of the annotation in `columns`, got {unknown[0]!r}; there are "
            f"{', '.join(COLUMNS)}."
        )
    for value, meaning in options.values.items():
        if label_of(meaning) is None and tracks_of(meaning) is None:
            raise ConfigError(
                f"Expected `values` that mean real, fake, unknown or a category, got {meaning!r} "
                f"for {value!r}."
            )
