"""Text and JSON that others have written; errors name the file, the line and the column."""

import codecs
import json
import os
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from macbdf_mm.errors import AnnotationError, MissingDataError
from macbdf_mm.utils.tables import shown

# Longest first: the mark of UTF-32 begins like that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_SURROGATES = re.compile("[\ud800-\udfff]")
# Python reads no integers with more digits.
_LONG_NUMBER = re.compile(r"\d{4301,}")
_MAX_NAME = 60
# Far more than any table has, and far less than what Python can write again.
MAX_DEPTH = 64


def read_text(path: str | Path, missing: str = "No file at {path}; check the path.") -> str:
    """Return the text of a file, which is UTF-8 or begins with the byte order mark of another.

    The mark, as spreadsheet programs write it, is left out; ends of lines are kept as they are.

    Args:
        path: The file.
        missing: The sentence for the user if there is none, with ``{path}`` in it.

    Raises:
        MissingDataError: If there is no such file, or it may not be read.
        AnnotationError: If it is no text.
    """
    path = Path(path)
    if not os.path.isfile(path):  # Unlike `Path.is_file`, it takes any text for a name.
        if os.path.exists(path):
            what = "a folder" if os.path.isdir(path) else "no regular file"
            raise MissingDataError(f"{path} is {what}; name a file of text.")
        raise MissingDataError(missing.format(path=path))
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise MissingDataError(
            f"{path} cannot be read ({reason}); check its permissions."
        ) from error
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), None)
    try:
        text = content.decode(encoding or "utf-8-sig")
    except UnicodeDecodeError as error:
        if encoding is not None:
            raise AnnotationError(
                f"{path} begins like {encoding.upper()} text, but byte {error.start} is none; "
                "save it as UTF-8."
            ) from None
        # The decoder does not count the mark.
        start = error.start + len(codecs.BOM_UTF8) * content.startswith(codecs.BOM_UTF8)
        before = content[:start]
        line, column = before.count(b"\n") + 1, start - before.rfind(b"\n")
        raise AnnotationError(
            f"{path} is not UTF-8 text: byte 0x{content[start]:02x} in line {line}, column "
            f"{column}; save it as UTF-8."
        ) from None
    if "\0" in text:
        raise AnnotationError(
            f"{path} is not text: there is a zero byte in {_place(text, text.index(chr(0)))}; it "
            "is damaged, or UTF-16 without a byte order mark: save it as UTF-8."
        )
    return text


def parse_json(
    text: str, path: str | Path, keys: Collection[str] | None = None, first_line: int = 1
) -> Any:
    """Return the value that a JSON text states, in which no object states a key twice.

    Args:
        text: The text.
        path: Where it comes from, for errors.
        keys: Keep only these keys of all objects: what is not needed then takes no memory.
        first_line: The number of its first line.

    Raises:
        AnnotationError: If it is no JSON, is nested too deeply, or holds a number that nobody
            can mean.
    """
    try:
        return json.loads(text, object_pairs_hook=_object_hook(keys))
    except json.JSONDecodeError as error:
        is_at_end = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        raise AnnotationError(
            f"{path} is not valid JSON: {error.msg} in {_place(text, error.pos, first_line)}"
            f"{'; it may be a download that was cut off.' if is_at_end else '.'}"
        ) from None
    except _RepeatedKeyError as error:
        raise AnnotationError(f"{path}: {error}") from None
    except RecursionError:
        place = _place(text, _deep_position(text), first_line)
        raise AnnotationError(f"{path} is nested too deeply in {place}.") from None
    except ValueError:  # An integer of thousands of digits.
        found = _LONG_NUMBER.search(text)
        place = _place(text, found.start() if found else 0, first_line)
        digits = f"{len(found[0])} digits" if found else "too many digits"
        raise AnnotationError(f"{path}: the number in {place} has {digits}; correct it.") from None


def is_shallow(value: Any) -> bool:
    """Return whether a JSON value can be written, compared and shown: at most 64 levels deep."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for container in level
            if isinstance(container, list | tuple | dict)
            for item in (container.values() if isinstance(container, dict) else container)
        ]
        if not level:
            return True
    return False


def is_whole(text: str | None) -> bool:
    """Return whether a text has no halves of characters, which JSON can state: no file can."""
    return text is None or text.isascii() or _SURROGATES.search(text) is None


class _RepeatedKeyError(Exception):
    """An object states a key twice; JSON does not say which one counts."""


def _object_hook(
    keys: Collection[str] | None,
) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    def make(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) != len(pairs):
            names = [name for name, _ in pairs]
            repeated = next(name for name in names if names.count(name) > 1)
            about = f" of {shown(values['file'])}" if isinstance(values.get("file"), str) else ""
            raise _RepeatedKeyError(
                f"an object{about} states `{repeated[:_MAX_NAME]}` more than once; keep one of "
                "them."
            )
        return values if keys is None else {key: values[key] for key in keys if key in values}

    return make


def _place(text: str, position: int, first_line: int = 1) -> str:
    """Return line and column of a position, as words."""
    line = text.count("\n", 0, position) + first_line
    return f"line {line}, column {position - text.rfind(chr(10), 0, position)}"


def _deep_position(text: str) -> int:
    depth = 0
    for match in _TOKENS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match[0], 0)
        if depth > MAX_DEPTH:
            return match.start()
    return 0
