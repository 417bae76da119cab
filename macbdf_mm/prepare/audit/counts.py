"""How many clips of what there are in each part of a data set."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.splits.source_leaks import source_key
from macbdf_mm.structures.labels import FAKE, REAL

NO_SPLIT = "no split"
CATEGORIES = ("RVRA", "FVRA", "RVFA", "FVFA", "unknown")


@dataclass(frozen=True)
class PartCounts:
    """What one part of a data set holds.

    Attributes:
        split: Its name, ``'no split'`` for rows without, ``'all'`` for all together.
        num_clips: Clips.
        num_real: Clips that are real as a whole.
        num_fake: Clips that are fake as a whole; the rest is unknown.
        by_category: Clips by category, and ``unknown``; the most frequent ones first, as below.
        by_method: Fake clips by method.
        by_identity: Clips by who is seen, of those that say so.
        num_sources: Recordings that the clips show.
    """

    split: str
    num_clips: int
    num_real: int
    num_fake: int
    by_category: dict[str, int]
    by_method: dict[str, int]
    by_identity: dict[str, int]
    num_sources: int

    @property
    def always_fake_accuracy(self) -> float:
        """Accuracy of calling every clip fake; NaN without a known label."""
        known = self.num_real + self.num_fake
        return self.num_fake / known if known else float("nan")

    @property
    def majority_accuracy(self) -> float:
        """Accuracy of calling every clip what most are; NaN without a known label."""
        known = self.num_real + self.num_fake
        return max(self.num_real, self.num_fake) / known if known else float("nan")


def count_parts(rows: Sequence[ClipRow]) -> list[PartCounts]:
    """Return the counts of every part, in the order of their names, and of all together."""
    parts: dict[str, list[ClipRow]] = {}
    for row in rows:
        parts.setdefault(NO_SPLIT if row.split is None else row.split, []).append(row)
    return [*(_count(name, parts[name]) for name in sorted(parts)), _count("all", rows)]


def _count(split: str, rows: Sequence[ClipRow]) -> PartCounts:
    return PartCounts(
        split=split,
        num_clips=len(rows),
        num_real=sum(row.label == REAL for row in rows),
        num_fake=sum(row.label == FAKE for row in rows),
        by_category=_tally(row.category or "unknown" for row in rows),
        by_method=_tally(row.method for row in rows if row.method and row.label == FAKE),
        by_identity=_tally(row.identity for row in rows if row.identity is not None),
        num_sources=len({source_key(row) for row in rows}),
    )


def _tally(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())
