"""Values that a table or the name of a folder states: text, seconds, intervals, labels, splits."""

import math
import re
from collections.abc import Mapping
from typing import Any

from macbdf_mm.media.limits import MAX_SECONDS
from macbdf_mm.structures.intervals import Interval
from macbdf_mm.structures.labels import FAKE, REAL, UNKNOWN, Label
from macbdf_mm.utils.tables import shown

_LABELS: dict[str, Label] = {
    **dict.fromkeys(("1", "1.0", "fake", "true", "forged"), FAKE),
    **dict.fromkeys(("0", "0.0", "real", "false", "genuine"), REAL),
    **dict.fromkeys(("", "-1", "-1.0", "unknown", "none", "null", "nan"), UNKNOWN),
}
_LABEL, _TRACK = "(real|fake|r|f)", "(video|visual|audio|v|a)"
_ONE_TRACK = f"(?:{_LABEL}{_TRACK}|{_TRACK}{_LABEL})"
_BOTH_TRACKS = re.compile(_ONE_TRACK * 2)
_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


def stated_text(entry: Mapping[str, Any], name: str) -> str | None:
    """Return the text of a field, None where it is absent, null, NaN or empty.

    Raises:
        ValueError: If it is something else.
    """
    value = entry.get(name)
    if _is_nothing(value):
        return None
    if not isinstance(value, str):
        raise ValueError(f"`{name}` is {shown(value)}, expected text")
    return value


def stated_seconds(entry: Mapping[str, Any], name: str) -> float | None:
    """Return the positive number of a field, None where it is absent, null, NaN or empty.

    Raises:
        ValueError: If it is something else.
    """
    value = entry.get(name)
    if _is_nothing(value):
        return None
    seconds = _number(value)
    if seconds is None or not 0 < seconds <= MAX_SECONDS:
        raise ValueError(
            f"`{name}` is {shown(value)}, expected seconds > 0 and at most {MAX_SECONDS}, as in 1.5"
        )
    return seconds


def stated_intervals(entry: Mapping[str, Any], name: str) -> tuple[Interval, ...]:
    """Return the ``[start, end]`` pairs of a field, in seconds; none where it states nothing.

    Raises:
        ValueError: If it is something else.
    """
    value = entry.get(name)
    if _is_nothing(value):
        return ()
    problem = f"`{name}` is {shown(value)}, expected a list of [start, end] in seconds"
    if not isinstance(value, list):
        raise ValueError(problem)
    pairs = []
    for pair in value:
        edges = [_number(edge) for edge in pair] if isinstance(pair, list) else []
        if len(edges) != 2 or edges[0] is None or edges[1] is None:
            raise ValueError(problem)
        pairs.append((edges[0], edges[1]))
    return tuple(pairs)


def label_of(value: Any, own_values: Mapping[str, str] | None = None) -> Label | None:
    """Return the label that a value of a table means, None if it means none.

    ``fake``, ``1``, ``true`` and ``forged`` are 1; ``real``, ``0``, ``false`` and ``genuine`` 0;
    ``unknown``, ``-1`` and nothing -1. Case does not matter.

    Args:
        value: What the table holds.
        own_values: Values of the table -> what they mean, as one of these words.
    """
    if not isinstance(value, str | int | float | None):
        return None
    text = "" if value is None else str(value).strip()
    text = (own_values or {}).get(text, text)
    return _LABELS.get(text.lower())


def tracks_of(name: str) -> tuple[Label, Label] | None:
    """Return video and audio label that a category's name means, None if it means none.

    A word or letter for label and track, for both tracks, in any order and with anything between
    that is no letter: ``RealVideo-FakeAudio``, ``video_real_audio_fake``, ``RVFA``, ``VR-AF``.
    """
    match = _BOTH_TRACKS.fullmatch(re.sub(r"[\W\d_]+", "", name.lower()))
    if match is None:
        return None
    words = [word for word in match.groups() if word]
    found: dict[str, Label] = {}
    for pair in (words[:2], words[2:]):
        label, track = pair if pair[0][0] in "rf" else pair[::-1]
        found[track[0]] = FAKE if label[0] == "f" else REAL
    return (found["v"], found["a"]) if len(found) == 2 else None


def published_split(name: Any) -> str | None:
    """Return ``train``, ``val`` or ``test`` for what a data set calls it, other names as they are.

    Empty names are None.

    Raises:
        ValueError: If it is neither a text nor a number.
    """
    if not isinstance(name, str | int | float | None):
        raise ValueError(f"the split is {shown(name)}, expected text")
    text = "" if _is_nothing(name) else str(name).strip()
    return _SPLITS.get(text.lower(), text) or None


def split_in_name(name: str) -> str | None:
    """Return the split that a folder's name speaks of, as in ``test_videos``; None for none."""
    words = re.split(r"[\W_]+", name.lower())
    return next((_SPLITS[word] for word in words if word in _SPLITS), None)


def split_fields(name: Any) -> dict[str, Any]:
    """Return the fields of a row for a published split: ``split``, and ``extra`` that keeps it."""
    split = published_split(name)
    return {"split": split, "extra": {} if split is None else {"official_split": split}}


def _is_nothing(value: Any) -> bool:
    """Return whether a table says nothing; programs write NaN where another row has a value."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _number(value: Any) -> float | None:
    """Return a finite number that a table holds, also as text; None for anything else."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
