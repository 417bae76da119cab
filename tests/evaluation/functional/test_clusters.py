import numpy as np
import pytest

from macbdf_mm.evaluation.functional.clusters import Clusters, clusters_of


def together(clusters):
    """Sets of clips that share a cluster."""
    groups: dict[int, set[int]] = {}
    for clip, index in enumerate(clusters.index.tolist()):
        groups.setdefault(index, set()).add(clip)
    return sorted(map(sorted, groups.values()))


def test_identity_comes_first():
    clusters = clusters_of("abcd", ["p", "q", "p", "q"], [None, "x", "y", "x"])
    assert together(clusters) == [[0, 2], [1, 3]]
    assert (clusters.num, clusters.description) == (2, "identity")


def test_without_identity_the_source_and_the_real_clip_that_it_is():
    clusters = clusters_of(["real.mp4", "1.mp4", "2.mp4", "3.mp4"], sources=[None, "real.mp4"] * 2)
    assert together(clusters) == [[0, 1, 3], [2]]
    assert clusters.num_clips_by_kind == {"source": 3, "clip": 1}
    assert clusters.description == "source (75 %), clip"


def test_without_either_each_clip_is_alone():
    clusters = clusters_of(["a", "b", "c"])
    assert clusters.num == 3
    assert clusters.description == "clip"


def test_a_fake_without_identity_joins_that_of_its_source():
    clusters = clusters_of(["r", "f", "other"], ["p", None, "p"], [None, "r", None])
    assert together(clusters) == [[0, 1, 2]]
    assert clusters.description == "identity"


def test_a_source_of_two_persons_is_nobodys():
    clusters = clusters_of("abc", ["p", "q", None], ["s", "s", "s"])
    assert together(clusters) == [[0], [1], [2]]


def test_names_of_persons_and_files_stay_apart():
    assert clusters_of(["x", "y"], ["y", None]).num == 2


def test_empty_texts_are_no_names():
    assert clusters_of(["a", "b"], ["", ""], ["", ""]).num == 2
    assert clusters_of([]).num == 0
    assert clusters_of([]).description == "clip"


def test_subset():
    clusters = clusters_of("abcd", ["p", "q", "p", "r"])
    part = clusters.subset(np.array([False, True, False, True]))
    assert together(part) == [[0], [1]]
    assert isinstance(part, Clusters)
    assert part.num == 2
    assert clusters.subset(np.array([0, 2])).num == 1
    mixed = clusters_of("abc", ["p", None, None])
    assert mixed.subset(np.array([1, 2])).description == "clip"


def test_clusters_of_one_kind():
    clusters = Clusters.of([7, 3, 7], "source")
    assert together(clusters) == [[0, 2], [1]]
    assert clusters.num_clips_by_kind == {"source": 3}


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="of 2 clips, got 1 and 2"):
        clusters_of(["a", "b"], ["p"])
