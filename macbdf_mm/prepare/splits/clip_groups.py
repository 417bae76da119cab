"""Groups of clips that belong together, dealing them out to parts, and who is in several.

Clips belong together if they show one person or were made from one recording.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence

import numpy as np
from scipy.cluster.hierarchy import DisjointSet

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.datasets.source_leaks import source_key
from macbdf_mm.errors import ArgumentError


def group_clips(rows: Sequence[ClipRow]) -> list[int]:
    """Return the number of the group of each row, from 0, in the order of first appearance.

    Two clips are in one group if they share an identity or a source, directly or through others:
    the connected components of the graph of clips, identities and sources.
    """
    sets: DisjointSet = DisjointSet()
    for row in rows:
        source = ("source", source_key(row))
        sets.add(source)
        if row.identity is not None:
            sets.add(("identity", row.identity))
            sets.merge(source, ("identity", row.identity))
    numbers: dict[tuple[str, str], int] = {}
    return [numbers.setdefault(sets[("source", source_key(row))], len(numbers)) for row in rows]


def find_shared_identities(rows: Iterable[ClipRow]) -> dict[str, tuple[str, ...]]:
    """Return identity -> the parts that it is in, for those in more than one, by name.

    Rows without an identity or without a split say nothing.
    """
    parts: dict[str, set[str]] = {}
    for row in rows:
        if row.identity is not None and row.split is not None:
            parts.setdefault(row.identity, set()).add(row.split)
    return {identity: tuple(sorted(of)) for identity, of in sorted(parts.items()) if len(of) > 1}


def assign_groups(
    groups: Sequence[int], strata: Sequence[Hashable], shares: Mapping[str, float], seed: int
) -> list[str]:
    """Return the part of each clip; a group is never divided.

    Groups are dealt out from the largest to the smallest, those of one size in random order,
    each to the part that it brings closest to its share of every stratum (least sum of squares,
    relative to the size of the stratum), and of all clips, which counts as much as all strata:
    a small part would otherwise get none of many small strata. No part stays empty as long as
    there are as many groups as parts.

    Args:
        groups: The group of each clip.
        strata: What each clip is, such as its category; the shares are kept within each.
        shares: Part -> its share of the clips; positive, with sum 1.
        seed: Of the order among groups of one size, and of the choice between equal parts.

    Raises:
        ValueError: If the shares are not positive or their sum is not 1.
    """
    if any(not share > 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        raise ArgumentError(f"Expected `shares` > 0 with sum 1, got {dict(shares)}.")
    rng = np.random.default_rng(seed)
    parts = list(shares)
    totals = Counter(strata)
    members: dict[int, Counter[Hashable]] = {}
    for group, stratum in zip(groups, strata, strict=True):
        members.setdefault(group, Counter())[stratum] += 1
    order = [list(members)[k] for k in rng.permutation(len(members))]
    order.sort(key=lambda group: -members[group].total())
    needs = {parts[k]: _Need(shares[parts[k]], totals) for k in rng.permutation(len(parts))}
    chosen: dict[int, str] = {}
    for group in order:
        part = min(needs, key=lambda part: needs[part].cost(members[group]))
        chosen[group] = part
        needs[part].take(members[group])
    if chosen:
        _fill_empty_parts(chosen, parts)
    return [chosen[group] for group in groups]


def _fill_empty_parts(chosen: dict[int, str], parts: Sequence[str]) -> None:
    """Give each part without a group the smallest one of the part that has most of them."""
    for empty in [part for part in parts if part not in chosen.values()]:
        donor, num_groups = Counter(chosen.values()).most_common(1)[0]
        if num_groups > 1:
            last = next(group for group in reversed(chosen) if chosen[group] == donor)
            chosen[last] = empty


class _Need:
    """How many clips a part still needs, by stratum and in total."""

    def __init__(self, share: float, totals: Mapping[Hashable, int]) -> None:
        self.totals = totals
        self.num_clips = sum(totals.values())
        self.strata = {stratum: share * count for stratum, count in totals.items()}
        self.clips = share * self.num_clips

    def cost(self, added: Counter[Hashable]) -> float:
        """Return by how much these clips change the squared distance from the share."""
        strata = sum(
            _change(self.strata[stratum], count) / self.totals[stratum] ** 2
            for stratum, count in added.items()
        )
        clips = _change(self.clips, added.total()) / self.num_clips**2
        return strata + len(self.totals) * clips

    def take(self, added: Counter[Hashable]) -> None:
        for stratum, count in added.items():
            self.strata[stratum] -= count
        self.clips -= added.total()


def _change(wanted: float, count: int) -> float:
    return (wanted - count) ** 2 - wanted**2
