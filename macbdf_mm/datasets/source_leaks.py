"""Clips of one recording in different parts of a split: finding them, refusing to train on them."""

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import ConfigError

UNNAMED_PROTOCOL = "unnamed"
"""Protocol name of annotations that were not divided by ``tools/make_splits.py``."""


@dataclass(frozen=True)
class SourceLeak:
    """Two clips of one recording in two parts.

    Attributes:
        source: The recording.
        clips: Both files.
        splits: The parts that they are in.
    """

    source: str
    clips: tuple[str, str]
    splits: tuple[str, str]


def source_key(row: ClipRow) -> str:
    """Return the recording that a clip shows: its source, or itself if it has none."""
    return posixpath.normpath(row.source or row.file)


def find_source_leaks(rows: Iterable[ClipRow]) -> list[SourceLeak]:
    """Return a leak for each recording that is in more than one part, in the order of the rows.

    Rows without a split are in no part. Clips of the same source leak, and so do a clip and the
    one it was made from.
    """
    firsts: dict[str, ClipRow] = {}
    leaks: dict[str, SourceLeak] = {}
    for row in rows:
        if row.split is None:
            continue
        source = source_key(row)
        first = firsts.setdefault(source, row)
        if first.split != row.split and source not in leaks:
            pair = (str(first.split), row.split)
            leaks[source] = SourceLeak(source, (first.file, row.file), pair)
    return list(leaks.values())


def refuse_source_leaks(
    leaks: list[SourceLeak],
    metainfo: Mapping[str, Any],
    place: str,
    allow_leak: str | None = None,
) -> None:
    """Return if there are no leaks, or if the user named the protocol that has them.

    Args:
        leaks: What was found in an annotation.
        metainfo: What it says of itself; ``split_protocol`` has the ``name``.
        place: Which annotation it is, for the message.
        allow_leak: Name of the protocol whose leaks are accepted.

    Raises:
        ConfigError: If there is a leak; the message names both clips.
    """
    protocol = protocol_of(metainfo)
    if not leaks or allow_leak == protocol:
        return
    (first, second), (one, other) = leaks[0].clips, leaks[0].splits
    allowed = "" if allow_leak is None else f" (it allows {allow_leak!r}, which this is not)"
    raise ConfigError(
        f"{place}: '{first}' is in {one!r} and '{second}' in {other!r}, but both show the "
        f"recording '{leaks[0].source}' ({len(leaks)} such leaks in all); divide it with "
        f"`macbdf split`, or set `allow_leak={protocol!r}` in the data set of "
        f"`train_dataloader` to train all the same{allowed}."
    )


def protocol_of(metainfo: Mapping[str, Any]) -> str:
    """Return the name of the protocol by which an annotation was divided."""
    protocol = metainfo.get("split_protocol")
    name = protocol.get("name") if isinstance(protocol, Mapping) else None
    return name if isinstance(name, str) else UNNAMED_PROTOCOL
