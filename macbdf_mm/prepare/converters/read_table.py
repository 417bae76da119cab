"""Reading the tables that data sets come with: JSON, JSON lines and CSV."""

import csv
import json
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from macbdf_mm.errors import AnnotationError, MissingDataError


def read_json(path: Path, kind: type, keys: Collection[str] | None = None) -> Any:
    """Return the contents of a JSON file.

    Args:
        path: The file.
        kind: ``dict`` or ``list``, what the file must hold.
        keys: Keep only these keys of all objects: what is not needed then takes no memory.

    Raises:
        MissingDataError: If there is no such file.
        AnnotationError: If it is no JSON of this kind.
    """
    try:
        value = json.loads(_read_text(path), object_hook=_keeping(keys))
    except json.JSONDecodeError as error:
        raise AnnotationError(
            f"{path} is not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}; "
            "it may be a download that was cut off."
        ) from None
    if not isinstance(value, kind):
        wanted = "an object" if kind is dict else "a list"
        raise AnnotationError(f"{path}: expected {wanted}, got {type(value).__name__}.")
    return value


def read_json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield the number of each line that is not empty, from 1, and its JSON value.

    Raises:
        MissingDataError: If there is no such file.
        AnnotationError: If a line is no JSON.
    """
    for number, line in enumerate(_read_text(path).splitlines(), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except json.JSONDecodeError as error:
                raise AnnotationError(
                    f"{path}: line {number} is not valid JSON: {error.msg}."
                ) from None


def read_csv(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the number of each line, from 2, and its cells by column, stripped of white space.

    A column without a name has the key ``""``, as at the end of a header that ends in a comma.

    Args:
        path: The file, with a header in its first line.
        needed: Columns that must be there.

    Raises:
        MissingDataError: If there is no such file.
        AnnotationError: If a column is missing, or a line has more or fewer cells than the header.
    """
    lines = csv.reader(_read_text(path).splitlines())
    header = [name.strip() for name in next(lines, [])]
    missing = [name for name in needed if name not in header]
    if missing:
        raise AnnotationError(
            f"{path}: has no column {missing[0]!r}; its header is {','.join(header)!r}."
        )
    for cells in lines:
        if not cells:
            continue
        if len(cells) != len(header):
            raise AnnotationError(
                f"{path}: line {lines.line_num} has {len(cells)} cells, the header has "
                f"{len(header)}."
            )
        yield lines.line_num, dict(zip(header, (cell.strip() for cell in cells), strict=True))


def _keeping(
    keys: Collection[str] | None,
) -> Callable[[dict[str, Any]], dict[str, Any]] | None:
    if keys is None:
        return None
    return lambda value: {key: value[key] for key in keys if key in value}


def _read_text(path: Path) -> str:
    if not path.is_file():
        raise MissingDataError(f"No file at {path}; check the path.")
    try:
        # A byte order mark, as spreadsheet programs write it, is no part of the first column.
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise AnnotationError(f"{path} is not UTF-8 text: {error}.") from None
