from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.splits.clip_groups import assign_groups, find_shared_identities, group_clips

SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}


def clip(file, source=None, identity=None):
    return ClipRow(file, 0, source=source, identity=identity)


def test_source_and_identity_join_clips_directly_and_through_others():
    rows = [
        clip("real.mp4", identity="A"),
        clip("other.mp4"),
        clip("fake.mp4", source="real.mp4"),
        clip("same_person.mp4", identity="A"),
        clip("fake2.mp4", source="same_person.mp4", identity="B"),
        clip("b.mp4", identity="B"),
    ]
    assert group_clips(rows) == [0, 1, 0, 0, 0, 0]


def test_a_name_that_is_an_identity_and_a_file_joins_nothing():
    assert group_clips([clip("x", identity="a"), clip("a", identity="b")]) == [0, 1]


@given(st.lists(st.tuples(st.integers(0, 8) | st.none(), st.integers(0, 8) | st.none())))
def test_groups_are_the_connected_components_of_scipy(pairs):
    rows = [
        clip(f"f{k}", None if s is None else f"f{s}", None if i is None else f"i{i}")
        for k, (s, i) in enumerate(pairs)
    ]
    groups = group_clips(rows)
    # Nodes: clips, then sources, then identities.
    edges = [(k, len(rows) + (k if s is None else s)) for k, (s, _) in enumerate(pairs)]
    edges += [(k, 2 * len(rows) + 9 + i) for k, (_, i) in enumerate(pairs) if i is not None]
    size = 2 * len(rows) + 18
    graph = coo_array((np.ones(len(edges)), np.array(edges).reshape(-1, 2).T), (size, size))
    labels = connected_components(graph, directed=False)[1][: len(rows)]
    together = np.equal.outer(groups, groups)
    np.testing.assert_array_equal(together, np.equal.outer(labels, labels))
    assert list(dict.fromkeys(groups)) == list(range(len(set(groups))))


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


@pytest.mark.parametrize("seed", range(5))
def test_large_groups_are_dealt_out_first_so_that_small_ones_even_them_out(seed):
    sizes = (2, 40, 3, 30, 5, 20)
    groups = [group for group, size in enumerate(sizes) for _ in range(size)]
    parts = assign_groups(groups, ["a"] * 100, {"train": 0.5, "test": 0.5}, seed)
    assert Counter(parts) == {"train": 50, "test": 50}


@pytest.mark.parametrize("num_groups", [0, 1, 2, 3, 4])
def test_no_part_stays_empty_if_there_are_enough_groups(num_groups):
    groups = [group for group in range(num_groups) for _ in range(4)]
    parts = assign_groups(groups, list("abcd") * num_groups, SHARES, seed=0)
    assert len(set(parts)) == min(num_groups, 3)


def test_a_part_that_would_stay_empty_gets_the_smallest_group():
    groups = [group for group, size in enumerate((9, 8, 10)) for _ in range(size)]
    parts = assign_groups(groups, ["a"] * 27, {"train": 0.99, "val": 0.01}, seed=0)
    assert {group for group, part in zip(groups, parts, strict=True) if part == "val"} == {1}


def test_the_seed_decides():
    groups, strata = uneven_groups()
    first = assign_groups(groups, strata, SHARES, seed=0)
    assert assign_groups(groups, strata, SHARES, seed=0) == first
    assert assign_groups(groups, strata, SHARES, seed=1) != first


@pytest.mark.parametrize("shares", [{"train": 0.5, "test": 0.4}, {"train": 1.0, "test": 0.0}])
def test_shares_that_are_none(shares):
    with pytest.raises(ValueError, match="Expected `shares` > 0 with sum 1, got"):
        assign_groups([0], ["a"], shares, seed=0)


def test_people_in_two_parts_are_found_with_the_parts():
    rows = [
        ClipRow("a", 0, identity="Zoe", split="val"),
        ClipRow("b", 0, identity="Zoe", split="train"),
        ClipRow("c", 1, identity="Zoe", split="train"),
        ClipRow("d", 1, identity="Ann", split="test"),
        ClipRow("e", 1, identity="Ann", split="train"),
        ClipRow("f", 1, identity="Bob", split="train"),
        ClipRow("g", 1, identity="Bob"),
        ClipRow("h", 1, split="test"),
        ClipRow("i", 1, split="train"),
    ]
    found = find_shared_identities(rows)
    assert list(found.items()) == [("Ann", ("test", "train")), ("Zoe", ("train", "val"))]
