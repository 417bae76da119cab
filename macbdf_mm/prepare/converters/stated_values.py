"""Values that a table states, checked: text, seconds, intervals."""

import math
from collections.abc import Mapping
from typing import Any

from macbdf_mm.structures.intervals import Interval


def stated_text(entry: Mapping[str, Any], name: str) -> str | None:
    """Return the text of a field, None where it is absent, null or empty.

    Raises:
        ValueError: If it is something else.
    """
    value = entry.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError(f"`{name}` is {value!r}, expected text")
    return value


def stated_seconds(entry: Mapping[str, Any], name: str) -> float | None:
    """Return the positive number of a field, None where it is absent, null or empty.

    Raises:
        ValueError: If it is something else.
    """
    value = entry.get(name)
    if value is None or value == "":
        return None
    seconds = _number(value)
    if seconds is None or seconds <= 0:
        raise ValueError(f"`{name}` is {value!r}, expected seconds > 0")
    return seconds


def stated_intervals(entry: Mapping[str, Any], name: str) -> tuple[Interval, ...]:
    """Return the ``[start, end]`` pairs of a field, in seconds; none where it is absent or null.

    Raises:
        ValueError: If it is something else.
    """
    value = entry.get(name)
    if value is None:
        return ()
    problem = f"`{name}` is {value!r}, expected a list of [start, end] in seconds"
    if not isinstance(value, list):
        raise ValueError(problem)
    pairs = []
    for pair in value:
        edges = [_number(edge) for edge in pair] if isinstance(pair, list) else []
        if len(edges) != 2 or edges[0] is None or edges[1] is None:
            raise ValueError(problem)
        pairs.append((edges[0], edges[1]))
    return tuple(pairs)


def _number(value: Any) -> float | None:
    """Return a finite number that a table holds, also as text; None for anything else."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
