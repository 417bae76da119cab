import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.splits.clip_groups import group_clips, source_key


def clip(file, source=None, identity=None):
    return ClipRow(file, 0, source=source, identity=identity)


def test_a_clip_without_a_source_is_its_own():
    assert source_key(clip("a.mp4")) == "a.mp4"
    assert source_key(clip("a.mp4", "b.mp4")) == "b.mp4"


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
