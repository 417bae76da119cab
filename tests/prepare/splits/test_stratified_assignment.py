from collections import Counter

import numpy as np
import pytest

from macbdf_mm.prepare.splits.stratified_assignment import assign_groups

SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}


def uneven_groups(seed=0, num_groups=300):
    """Return groups of 1 to 9 clips with a mix of four strata of very different sizes."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 10, num_groups)
    groups = np.repeat(np.arange(num_groups), sizes)
    return groups.tolist(), rng.choice(list("abcd"), len(groups), p=[0.5, 0.3, 0.15, 0.05]).tolist()


def test_no_group_is_divided():
    groups, strata = uneven_groups()
    parts = assign_groups(groups, strata, SHARES, seed=0)
    assert len({(group, part) for group, part in zip(groups, parts, strict=True)}) == 300


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_part_has_its_share_of_each_stratum(seed):
    groups, strata = uneven_groups(seed)
    parts = assign_groups(groups, strata, SHARES, seed)
    totals = Counter(strata)
    for (part, stratum), count in Counter(zip(parts, strata, strict=True)).items():
        # No better than a group, of nine clips at most, allows.
        assert abs(count - SHARES[part] * totals[stratum]) <= 5, (part, stratum)


def test_single_clips_are_dealt_out_exactly():
    strata = ["a"] * 100 + ["b"] * 50
    parts = assign_groups(range(150), strata, SHARES, seed=3)
    assert Counter(zip(strata, parts, strict=True)) == {
        ("a", "train"): 70, ("a", "val"): 10, ("a", "test"): 20,
        ("b", "train"): 35, ("b", "val"): 5, ("b", "test"): 10,
    }  # fmt: skip


def test_a_small_part_gets_clips_although_each_stratum_is_small():
    parts = assign_groups(range(12), list("aaabbbcccddd"), SHARES, seed=0)
    assert Counter(parts) == {"train": 8, "val": 1, "test": 3}


@pytest.mark.parametrize("num_groups", [0, 1, 2, 3, 4])
def test_no_part_stays_empty_if_there_are_enough_groups(num_groups):
    groups = [group for group in range(num_groups) for _ in range(4)]
    parts = assign_groups(groups, list("abcd") * num_groups, SHARES, seed=0)
    assert len(set(parts)) == min(num_groups, 3)


def test_the_seed_decides():
    groups, strata = uneven_groups()
    first = assign_groups(groups, strata, SHARES, seed=0)
    assert assign_groups(groups, strata, SHARES, seed=0) == first
    assert assign_groups(groups, strata, SHARES, seed=1) != first


@pytest.mark.parametrize("shares", [{"train": 0.5, "test": 0.4}, {"train": 1.0, "test": 0.0}])
def test_shares_that_are_none(shares):
    with pytest.raises(ValueError, match="Expected `shares` > 0 with sum 1, got"):
        assign_groups([0], ["a"], shares, seed=0)
