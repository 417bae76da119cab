"""Dealing groups of clips out to parts, so that each part has its share of every stratum."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

import numpy as np


def assign_groups(
    groups: Sequence[int], strata: Sequence[Hashable], shares: Mapping[str, float], seed: int
) -> list[str]:
    """Return the part of each clip; a group is never divided.

    Groups are dealt out from the largest to the smallest, those of one size in random order,
    each to the part that it brings closest to its share of every stratum (least sum of squares,
    relative to the size of the stratum).

    Args:
        groups: The group of each clip.
        strata: What each clip is, such as its category; the shares are kept within each.
        shares: Part -> its share of the clips; positive, with sum 1.
        seed: Of the order among groups of one size, and of the choice between equal parts.

    Raises:
        ValueError: If the shares are not positive or their sum is not 1.
    """
    if any(not share > 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        raise ValueError(f"Expected `shares` > 0 with sum 1, got {dict(shares)}.")
    rng = np.random.default_rng(seed)
    parts = list(shares)
    totals = Counter(strata)
    members: dict[int, Counter[Hashable]] = {}
    for group, stratum in zip(groups, strata, strict=True):
        members.setdefault(group, Counter())[stratum] += 1
    order = [list(members)[k] for k in rng.permutation(len(members))]
    order.sort(key=lambda group: -members[group].total())
    # Part -> stratum -> how many clips it still wants.
    wanted = {
        part: {stratum: shares[part] * count for stratum, count in totals.items()}
        for part in (parts[k] for k in rng.permutation(len(parts)))
    }
    chosen: dict[int, str] = {}
    for group in order:
        part = min(wanted, key=lambda part: _cost(wanted[part], members[group], totals))
        chosen[group] = part
        for stratum, count in members[group].items():
            wanted[part][stratum] -= count
    return [chosen[group] for group in groups]


def _cost(
    wanted: Mapping[Hashable, float], added: Mapping[Hashable, int], totals: Mapping[Hashable, int]
) -> float:
    """Return by how much adding clips changes the squared distance of a part from its share."""
    return sum(
        ((wanted[stratum] - count) ** 2 - wanted[stratum] ** 2) / totals[stratum] ** 2
        for stratum, count in added.items()
    )
