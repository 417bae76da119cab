"""Cells of tables and lines of a terminal, made of text that others have chosen."""

import reprlib
from collections.abc import Iterable, Sequence
from typing import Any

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 100


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with a head, one line a row."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def printable(text: str) -> str:
    """Return a text in which what would move a terminal's cursor, or end the line, is escaped.

    So are bytes of file names that are no text, which a terminal could not be sent.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def printable_lines(lines: Iterable[str]) -> str:
    """Return lines as one text, in which no name that stands in a line makes another one."""
    return "\n".join(map(printable, lines))


def csv_cell(value: object) -> object:
    """Return a cell that a spreadsheet does not take for a formula."""
    is_formula = isinstance(value, str) and value[:1] in tuple("=+-@\t\r")
    return f"'{value}" if is_formula else value


def shown(value: Any) -> str:
    """Return a value of a table for an error message: as Python writes it, shortened."""
    return _SHORT.repr(value)
