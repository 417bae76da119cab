"""Reading the tables that data sets come with: JSON, JSON lines, CSV and lists of names."""

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from macbdf_mm.errors import AnnotationError
from macbdf_mm.utils.tables import shown
from macbdf_mm.utils.text_files import parse_json, read_text

# The comma, and what spreadsheet programs of other countries write in its place.
_DELIMITERS = (",", ";", "\t")


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
    value = parse_json(read_text(path), path, keys)
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
    for number, line in read_lines(path):
        yield number, parse_json(line, path, first_line=number)


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number of each line that is not empty, from 1, and its text without the end.

    Lines end at a line feed, or a carriage return with one, and at no other character.

    Raises:
        MissingDataError: If there is no such file.
        AnnotationError: If it is no text.
    """
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            yield number, line.rstrip("\r")


def read_csv(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the number of each row's first line, and its cells by column, without white space.

    Columns are divided by commas; by semicolons or tabs where the header says so. A column
    without a name has the key ``""``, as at the end of a header that ends in a comma; of several
    the first counts.

    Args:
        path: The file, with a header in its first line.
        needed: Columns that must be there.

    Raises:
        MissingDataError: If there is no such file.
        AnnotationError: If a column is missing or there twice, a row has more or fewer cells than
            the header, or a quote is not closed.
    """
    text = read_text(path)
    delimiter = _delimiter(text, needed)
    # Ends of lines stay as they are: inside of quotes they are text.
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    first = 1
    try:
        header = [name.strip() for name in next(filter(None, lines), [])]
        _check_header(header, needed, path)
        while True:
            first = lines.line_num + 1
            cells = next(lines, None)
            if cells is None:
                return
            if not cells:
                continue
            if len(cells) != len(header):
                raise AnnotationError(
                    f"{path}: line {first} has {len(cells)} cells, the header has {len(header)}."
                )
            row: dict[str, str] = {}
            for name, cell in zip(header, cells, strict=True):
                row.setdefault(name, cell.strip())
            yield first, row
    except csv.Error as error:
        raise AnnotationError(
            f"{path}: the row that begins in line {first} cannot be read: {error}; is a quote "
            "missing?"
        ) from None


def _delimiter(text: str, needed: tuple[str, ...]) -> str:
    """Return what divides the columns: the first sign that gives all that are needed."""
    head = text.lstrip("\r\n").split("\n", 1)[0].split("\r", 1)[0]
    for delimiter in _DELIMITERS:
        names = {name.strip().strip('"').strip() for name in head.split(delimiter)}
        if names.issuperset(needed):
            return delimiter
    return ","


def _check_header(header: list[str], needed: tuple[str, ...], path: Path) -> None:
    if not header:
        raise AnnotationError(f"{path} has no header in line 1; it should name the columns.")
    missing = [name for name in needed if name not in header]
    if missing:
        close = get_close_matches(missing[0].lower(), [name.lower() for name in header], n=1)
        near = [name for name in header if name.lower() in close]
        hint = f"; is it {shown(near[0])}?" if near else "."
        raise AnnotationError(
            f"{path}: has no column {missing[0]!r}; its header is {shown(','.join(header))}{hint}"
        )
    repeated = [name for name, count in Counter(header).items() if count > 1 and name]
    if repeated:
        raise AnnotationError(
            f"{path}: the header in line 1 names the column {repeated[0]!r} more than once; keep "
            "one of them."
        )
