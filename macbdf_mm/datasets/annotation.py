"""The annotation format: one JSON file in MMEngine's form, one row a clip.

``docs/annotation.md`` describes it, ``annotation.schema.json`` states it for other programs.
What is read here is checked in full on load, and every error names file, row and field.
"""

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from macbdf_mm.errors import AnnotationError, MissingDataError
from macbdf_mm.structures.intervals import Interval
from macbdf_mm.structures.labels import (
    FAKE,
    LABELS,
    UNKNOWN,
    Category,
    category_of,
    clip_label,
    labels_contradict,
)

FORMAT_VERSION = 1


@dataclass(frozen=True)
class ClipRow:
    """One annotated clip; labels are 1 fake, 0 real, -1 unknown.

    Attributes:
        file: The media file, relative to the data folder.
        label: Label of the clip as a whole.
        video_label: Label of the video track.
        audio_label: Label of the audio track.
        video_fake_intervals: Where the video is fake, ``[start, end)`` in seconds, ascending
            and disjoint; empty with ``video_label`` 1 means everywhere.
        audio_fake_intervals: The same for the audio.
        identity: Who is seen; splits should not share identities.
        source: The file that this one was made from.
        method: How it was forged, or None.
        split: Name of the split that the clip belongs to.
        extra: Anything else, carried along unread.
        faces: Optional boxes of faces, carried along unread.
        duration_seconds: Optional length of the clip; it is measured where it is None.
    """

    file: str
    label: int
    video_label: int = UNKNOWN
    audio_label: int = UNKNOWN
    video_fake_intervals: tuple[Interval, ...] = ()
    audio_fake_intervals: tuple[Interval, ...] = ()
    identity: str | None = None
    source: str | None = None
    method: str | None = None
    split: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    faces: tuple[Mapping[str, Any], ...] | None = None
    duration_seconds: float | None = None

    @property
    def category(self) -> Category | None:
        """RVRA, FVRA, RVFA or FVFA; None where a track's label is unknown."""
        return category_of(self.video_label, self.audio_label)


@dataclass(frozen=True)
class Annotation:
    """A whole annotation file: what it says of itself, and its rows in their order."""

    metainfo: dict[str, Any]
    rows: list[ClipRow]


_FIELDS = tuple(item.name for item in fields(ClipRow))
_OPTIONAL_TEXTS = ("identity", "source", "method", "split")


def load_annotation(path: str | Path) -> Annotation:
    """Return the checked contents of an annotation file.

    Args:
        path: A JSON file with the keys ``metainfo`` and ``data_list``.

    Raises:
        MissingDataError: If there is no such file.
        AnnotationError: If it is no JSON, or a row breaks the format; the message names the
            file, the row and the field.
    """
    path = Path(path)
    document = _read_json(path)
    if not isinstance(document, dict) or set(document) != {"metainfo", "data_list"}:
        found = sorted(document) if isinstance(document, dict) else type(document).__name__
        raise AnnotationError(
            f"{path}: expected an object with the keys `metainfo` and `data_list`, got {found}."
        )
    metainfo = _check_metainfo(document["metainfo"], path)
    if not isinstance(document["data_list"], list):
        raise AnnotationError(
            f"{path}: expected `data_list` to be a list of rows, "
            f"got {type(document['data_list']).__name__}."
        )
    rows = [_parse_row(raw, _Place(path, i)) for i, raw in enumerate(document["data_list"])]
    _check_unique(rows, path)
    return Annotation(metainfo, rows)


def save_annotation(path: str | Path, metainfo: Mapping[str, Any], rows: Iterable[ClipRow]) -> None:
    """Write an annotation file; the same rows always give the same bytes.

    Fields stand in the order of :class:`ClipRow`; ``faces`` and ``duration_seconds`` are left
    out where they are None. The file is replaced as a whole, never left half written.

    Args:
        path: The file to write; its folder is made.
        metainfo: Must name the ``dataset``; ``version`` is added.
        rows: The clips.

    Raises:
        AnnotationError: If a row breaks the format, as :func:`load_annotation` would say.
    """
    path = Path(path)
    head = _check_metainfo({**metainfo, "version": FORMAT_VERSION}, path)
    raw_rows = [_plain_row(row) for row in rows]
    _check_unique([_parse_row(raw, _Place(path, i)) for i, raw in enumerate(raw_rows)], path)
    text = json.dumps({"metainfo": head, "data_list": raw_rows}, indent=1, ensure_ascii=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text + "\n", encoding="utf-8")
    os.replace(partial, path)


@dataclass(frozen=True)
class _Place:
    """Where in which file a row stands, to say so in errors."""

    path: Path
    index: int

    def error(self, field_name: str, problem: str) -> AnnotationError:
        return AnnotationError(
            f"{self.path}: row {self.index + 1} (data_list[{self.index}]), "
            f"field `{field_name}`: {problem}"
        )


def _plain_row(row: ClipRow) -> dict[str, Any]:
    raw = asdict(row)
    raw["video_fake_intervals"] = [list(pair) for pair in row.video_fake_intervals]
    raw["audio_fake_intervals"] = [list(pair) for pair in row.audio_fake_intervals]
    if row.faces is not None:
        raw["faces"] = list(row.faces)
    return {
        name: value
        for name, value in raw.items()
        if value is not None or name not in ("faces", "duration_seconds")
    }


def _read_json(path: Path) -> Any:
    if not path.is_file():
        raise MissingDataError(
            f"No annotation file at {path}; check `ann_file`, or make the data set first."
        )
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise AnnotationError(
            f"{path} is not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}."
        ) from None
    except UnicodeDecodeError as error:
        raise AnnotationError(f"{path} is not UTF-8 text: {error}.") from None


def _check_metainfo(metainfo: Any, path: Path) -> dict[str, Any]:
    if not isinstance(metainfo, dict) or not isinstance(metainfo.get("dataset"), str):
        raise AnnotationError(
            f"{path}: expected `metainfo` to be an object that names its `dataset`, "
            f"got {metainfo!r}."
        )
    version = metainfo.get("version")
    if version != FORMAT_VERSION or isinstance(version, bool):
        raise AnnotationError(
            f"{path}: expected `metainfo.version` {FORMAT_VERSION}, got {version!r}; "
            "this version of macbdf_mm reads no other."
        )
    return metainfo


def _parse_row(raw: Any, place: _Place) -> ClipRow:
    if not isinstance(raw, dict):
        raise AnnotationError(
            f"{place.path}: row {place.index + 1} (data_list[{place.index}]): expected an "
            f"object, got {type(raw).__name__}."
        )
    _check_keys(raw, place)
    file = raw.get("file")
    if not isinstance(file, str) or not file:
        raise place.error("file", f"expected the name of a file, got {file!r}.")
    video_label = _label(raw, "video_label", place)
    audio_label = _label(raw, "audio_label", place)
    label = _clip_label(raw, video_label, audio_label, place)
    duration = _duration(raw, place)
    return ClipRow(
        file=file,
        label=label,
        video_label=video_label,
        audio_label=audio_label,
        video_fake_intervals=_intervals(raw, "video", video_label, duration, place),
        audio_fake_intervals=_intervals(raw, "audio", audio_label, duration, place),
        **{name: _text(raw, name, place) for name in _OPTIONAL_TEXTS},
        extra=_extra(raw, place),
        faces=_faces(raw, place),
        duration_seconds=duration,
    )


def _check_keys(raw: dict[str, Any], place: _Place) -> None:
    for name in raw:
        if name not in _FIELDS:
            close = get_close_matches(str(name), _FIELDS, n=1)
            hint = f"did you mean `{close[0]}`?" if close else "own fields belong in `extra`."
            raise place.error(name, f"there is no such field; {hint}")


def _label(raw: dict[str, Any], name: str, place: _Place) -> int:
    value = raw.get(name, UNKNOWN)
    # True == 1 in Python, but a JSON true is a slip of whoever wrote the file.
    if isinstance(value, bool) or not isinstance(value, int) or value not in LABELS:
        raise place.error(name, f"expected 1 (fake), 0 (real) or -1 (unknown), got {value!r}.")
    return value


def _clip_label(raw: dict[str, Any], video_label: int, audio_label: int, place: _Place) -> int:
    if "label" not in raw:
        return clip_label(video_label, audio_label)
    label = _label(raw, "label", place)
    if labels_contradict(label, video_label, audio_label):
        raise place.error(
            "label",
            f"{label} contradicts `video_label` {video_label} and `audio_label` "
            f"{audio_label}; leave `label` out to have it follow from them.",
        )
    return label


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _duration(raw: dict[str, Any], place: _Place) -> float | None:
    value = raw.get("duration_seconds")
    if value is None:
        return None
    if not _is_number(value) or value <= 0:
        raise place.error("duration_seconds", f"expected seconds > 0, got {value!r}.")
    return float(value)


def _intervals(
    raw: dict[str, Any], track: str, label: int, duration: float | None, place: _Place
) -> tuple[Interval, ...]:
    name = f"{track}_fake_intervals"
    value = raw.get(name, [])
    if not isinstance(value, list | tuple):
        raise place.error(name, f"expected a list of [start, end] pairs, got {value!r}.")
    if value and label != FAKE:
        raise place.error(
            name, f"lists fake intervals, but `{track}_label` is {label}; set it to 1."
        )
    previous_end = 0.0
    for pair in value:
        if (
            not isinstance(pair, list | tuple)
            or len(pair) != 2
            or not all(_is_number(edge) for edge in pair)
        ):
            raise place.error(name, f"expected [start, end] in seconds, got {pair!r}.")
        start, end = pair
        if start >= end or start < previous_end:
            raise place.error(
                name,
                f"expected 0 <= start < end, ascending and disjoint, got {[*pair]} "
                f"after {previous_end:g} s.",
            )
        if duration is not None and start >= duration:
            raise place.error(name, f"{[*pair]} starts after the clip's end at {duration:g} s.")
        previous_end = end
    return tuple((float(start), float(end)) for start, end in value)


def _text(raw: dict[str, Any], name: str, place: _Place) -> str | None:
    value = raw.get(name)
    if value is not None and not isinstance(value, str):
        raise place.error(name, f"expected text or null, got {value!r}.")
    return value


def _extra(raw: dict[str, Any], place: _Place) -> dict[str, Any]:
    value = raw.get("extra", {})
    if not isinstance(value, dict):
        raise place.error("extra", f"expected an object, got {value!r}.")
    return value


def _faces(raw: dict[str, Any], place: _Place) -> tuple[dict[str, Any], ...] | None:
    value = raw.get("faces")
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise place.error("faces", f"expected a list of objects, got {value!r}.")
    return tuple(value)


def _check_unique(rows: list[ClipRow], path: Path) -> None:
    seen: dict[str, int] = {}
    for index, row in enumerate(rows):
        first = seen.setdefault(row.file, index)
        if first != index:
            raise _Place(path, index).error(
                "file", f"{row.file!r} already stands in row {first + 1}; keep one of them."
            )
