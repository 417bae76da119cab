"""What the parts of a split hold, as a short text."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.splits.source_leaks import find_source_leaks

_CATEGORIES = ("RVRA", "FVRA", "RVFA", "FVFA", "unknown")


@dataclass(frozen=True)
class SplitSummary:
    """An annotation that was divided.

    Attributes:
        path: Where it was written.
        protocol: Name and settings of the protocol.
        rows: All clips.
    """

    path: Path
    protocol: Mapping[str, Any]
    rows: list[ClipRow]

    def counts(self) -> dict[str, Counter[str]]:
        """Return part -> category -> number of clips; parts in the order of their names."""
        tallies: dict[str, Counter[str]] = {}
        for row in self.rows:
            tally = tallies.setdefault("no split" if row.split is None else row.split, Counter())
            tally[str(row.category or "unknown")] += 1
        return dict(sorted(tallies.items()))

    def shared_identities(self) -> int:
        """Return how many people are in more than one part."""
        parts: dict[str, set[str]] = {}
        for row in self.rows:
            if row.identity is not None and row.split is not None:
                parts.setdefault(row.identity, set()).add(row.split)
        return sum(len(of) > 1 for of in parts.values())

    def describe(self) -> str:
        """Return a table of the parts, and what they have in common."""
        counts = self.counts()
        shown = [name for name in _CATEGORIES if any(tally[name] for tally in counts.values())]
        head = ["part", "clips", *shown, "identities"]
        lines = [head]
        for part, tally in counts.items():
            people = {row.identity for row in self.rows if (row.split or "no split") == part}
            cells = [tally.total(), *(tally[name] for name in shown), len(people - {None})]
            lines.append([part, *map(str, cells)])
        widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
        table = [
            "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
            for line in lines
        ]
        settings = ", ".join(f"{key} {value}" for key, value in self.protocol.items())
        shared = self.shared_identities()
        leaks = len(find_source_leaks(self.rows))
        return "\n".join(
            [
                f"{self.path} ({settings})",
                *table,
                f"in more than one part: {leaks} recordings, {shared} identities",
                *self._caveats(),
            ]
        )

    def _caveats(self) -> list[str]:
        if any(row.identity is not None for row in self.rows):
            return []
        return ["no identity is known, so the parts may show the same people in other recordings"]
