"""The annotation format: one JSON file in MMEngine's form, one row per clip.

``docs/annotation.md`` describes it. :func:`json_schema` states it for other programs, from the
types that the loader itself checks; ``annotation.schema.json`` is what it returns. Every error
names file, row and field.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

import msgspec

from macbdf_mm.datasets.clip_row import ClipRow, RowPlace, parse_row
from macbdf_mm.errors import AnnotationError, MissingDataError
from macbdf_mm.structures.face_track import FaceEntry
from macbdf_mm.utils.files import replacing
from macbdf_mm.utils.tables import shown
from macbdf_mm.utils.text_files import is_shallow, is_whole, parse_json, read_text

FORMAT_VERSION = 1
_MISSING = "No annotation file at {path}; check `ann_file`, or make the data set first."
_MAKE_CROPS = (
    "make them with `macbdf faces ANN.json --data-root FOLDER --out {path.parent} "
    "--crops mp4` (docs/faces.md), or set `face_crops=False` to read files as they are."
)


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of an annotation file, as ``annotation.schema.json`` holds it."""
    (row, face), parts = msgspec.json.schema_components(
        [ClipRow, FaceEntry], ref_template="#/$defs/{name}"
    )
    # A row may leave out what follows from its other fields, and states nothing else.
    parts["ClipRow"] |= {"required": ["file"], "additionalProperties": False}
    # A row keeps its faces as they are written; what reads them checks them.
    faces, _ = parts["ClipRow"]["properties"]["faces"]["anyOf"]
    faces["items"] = face
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Annotation of audio-visual forgery clips, version {FORMAT_VERSION}",
        "type": "object",
        "additionalProperties": False,
        "required": ["metainfo", "data_list"],
        "properties": {
            "metainfo": {
                "type": "object",
                "required": ["dataset", "version"],
                "properties": {
                    "dataset": {"type": "string"},
                    "version": {"const": FORMAT_VERSION},
                },
            },
            "data_list": {"type": "array", "items": row},
        },
        "$defs": parts,
    }


@dataclass(frozen=True)
class Annotation:
    """A whole annotation file: what it says of itself, and its rows in their order."""

    metainfo: dict[str, Any]
    rows: list[ClipRow]


def load_annotation(
    path: str | Path, allow_outside_root: bool = False, face_crops: bool = False
) -> Annotation:
    """Return the checked contents of an annotation file.

    Args:
        path: A JSON file with the keys ``metainfo`` and ``data_list``.
        allow_outside_root: Whether rows may name files outside of the data folder.
        face_crops: Whether its files have to be face crops of ``tools/prepare_faces.py``, which
            says so in ``metainfo``.

    Raises:
        MissingDataError: If there is no such file, or it lists no face crops.
        AnnotationError: If it is no JSON, or a row breaks the format; the message names the
            file, the line or the row, and the field.
    """
    path = Path(path)
    missing = f"No face crops at {{path}}; {_MAKE_CROPS}" if face_crops else _MISSING
    document = parse_json(read_text(path, missing), path)
    if not isinstance(document, dict) or set(document) != {"metainfo", "data_list"}:
        is_dict = isinstance(document, dict)
        found = shown(sorted(document)) if is_dict else type(document).__name__
        raise AnnotationError(
            f"{path}: expected an object with the keys `metainfo` and `data_list`, got {found}."
        )
    metainfo = _check_metainfo(document["metainfo"], path)
    faces = metainfo.get("faces")
    if face_crops and not (isinstance(faces, dict) and faces.get("crops")):
        raise MissingDataError(
            f"{path} lists no face crops: it has no `metainfo.faces.crops`; "
            + _MAKE_CROPS.format(path=path)
        )
    if not isinstance(document["data_list"], list):
        raise AnnotationError(
            f"{path}: expected `data_list` to be a list of rows, "
            f"got {type(document['data_list']).__name__}."
        )
    rows = [
        parse_row(raw, RowPlace(path, i), allow_outside_root)
        for i, raw in enumerate(document["data_list"])
    ]
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
    _check_unique([parse_row(raw, RowPlace(path, i)) for i, raw in enumerate(raw_rows)], path)
    document = {"metainfo": head, "data_list": raw_rows}
    with replacing(path) as unfinished, _open_text(unfinished) as file:
        # Piece by piece: the text of a hundred thousand rows at once takes 400 MB.
        file.writelines(json.JSONEncoder(indent=1, ensure_ascii=False).iterencode(document))
        file.write("\n")


def _open_text(path: Path) -> TextIO:
    # Halves of characters in `extra` are kept as JSON states them, which UTF-8 cannot.
    return path.open("w", encoding="utf-8", errors="backslashreplace")


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


def _check_metainfo(metainfo: Any, path: Path) -> dict[str, Any]:
    dataset = metainfo.get("dataset") if isinstance(metainfo, dict) else None
    if not (isinstance(dataset, str) and is_whole(dataset) and is_shallow(metainfo)):
        raise AnnotationError(
            f"{path}: expected `metainfo` to be an object that names its `dataset`, "
            f"got {shown(metainfo)}."
        )
    version = metainfo.get("version")
    if version != FORMAT_VERSION or isinstance(version, bool):
        raise AnnotationError(
            f"{path}: expected `metainfo.version` {FORMAT_VERSION}, got {shown(version)}; "
            "this version of macbdf_mm reads no other."
        )
    return metainfo


def _check_unique(rows: list[ClipRow], path: Path) -> None:
    seen: dict[str, int] = {}
    for index, row in enumerate(rows):
        first = seen.setdefault(row.file, index)
        if first != index:
            raise RowPlace(path, index).error(
                "file", f"{row.file!r} already stands in row {first + 1}; keep one of them."
            )


__all__ = ["FORMAT_VERSION", "Annotation", "ClipRow", "load_annotation", "save_annotation"]
