"""How to read a data set of one's own."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class GenericOptions:
    """What a table of one's own calls things.

    Attributes:
        table: CSV, JSON-lines or JSON file with a row a clip; None takes the labels from the names
            of folders.
        columns: Field of the annotation -> column of the table, where the two differ.
        values: Value in a column of labels -> ``real``, ``fake`` or ``unknown``.
        identity_pattern: Regular expression that finds who is seen in the path of a file: its
            first group, or all of it. For rows that do not say.
    """

    table: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    identity_pattern: str | None = None
