"""Finding clips of one recording in different parts of a split."""

from collections.abc import Iterable
from dataclasses import dataclass

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.splits.clip_groups import source_key


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
