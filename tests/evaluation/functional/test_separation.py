import math

import numpy as np
import pytest
from sklearn.metrics import silhouette_score
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from macbdf_mm.evaluation.functional.separation import neighbour_accuracy, plane_map, silhouette

GROUPS = ("RVRA", "FVRA", "RVFA", "FVFA")


def clouds(spread, num_each=15):
    """Unit vectors around four directions."""
    rng = np.random.default_rng(0)
    centres = np.eye(8)[:4]
    points = np.repeat(centres, num_each, axis=0) + rng.normal(0, spread, (4 * num_each, 8))
    return points / np.linalg.norm(points, axis=1, keepdims=True), GROUPS * num_each


def sorted_groups(num_each=15):
    return [group for group in GROUPS for _ in range(num_each)]


def brute_silhouette(points, groups):
    """The definition, by loops over pairs of cosine distances."""
    groups = np.asarray(groups)
    distances = 1 - points @ points.T
    scores = []
    for index, group in enumerate(groups):
        same = (groups == group) & (np.arange(len(groups)) != index)
        inner = distances[index, same].mean()
        outer = min(distances[index, groups == g].mean() for g in set(groups) - {group})
        scores.append((outer - inner) / max(inner, outer))
    return np.mean(scores)


def test_silhouette_follows_its_definition():
    points, _ = clouds(0.4)
    assert silhouette(points, sorted_groups()) == pytest.approx(
        brute_silhouette(points, sorted_groups()), abs=1e-9
    )


def test_silhouette_does_not_see_lengths():
    points, _ = clouds(0.4)
    scaled = points * np.linspace(0.1, 10, len(points))[:, None]
    assert silhouette(scaled, sorted_groups()) == pytest.approx(silhouette(points, sorted_groups()))
    assert silhouette(points, sorted_groups()) != pytest.approx(
        silhouette_score(scaled, sorted_groups())
    )


def test_neighbour_accuracy_agrees_with_leaving_one_out():
    points, _ = clouds(0.5)
    classifier = KNeighborsClassifier(5, metric="cosine")
    expected = cross_val_score(classifier, points, sorted_groups(), cv=LeaveOneOut()).mean()
    # They may differ where two groups have as many neighbours.
    assert neighbour_accuracy(points, sorted_groups()) == pytest.approx(expected, abs=0.05)
    assert 0.4 < expected < 1


def test_groups_apart_are_found_and_shuffled_ones_are_not():
    points, mixed = clouds(0.05)
    assert neighbour_accuracy(points, sorted_groups()) == 1
    assert silhouette(points, sorted_groups()) > 0.8
    assert neighbour_accuracy(points, mixed) < 0.5
    assert silhouette(points, mixed) < 0.05


def test_a_tie_goes_to_the_nearest():
    angles = np.deg2rad([0, 1, 2.1, 3.3, 4.6, 40])
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    groups = ["b", "b", "a", "a", "b", "c"]
    # By hand, nearest first: baabc -> b, baabc -> b, babbc -> b, abbbc -> b, aabbc -> a,
    # baabb -> b; the first two are right.
    assert neighbour_accuracy(points, groups) == pytest.approx(2 / 6)


@pytest.mark.parametrize("groups", [["a"] * 4, ["a", "b", "c", "d"]])
def test_too_little_has_no_figures(groups):
    points = np.eye(4)
    assert math.isnan(silhouette(points, groups))
    assert math.isnan(neighbour_accuracy(points, groups))


def test_the_map_repeats_with_its_seed_and_keeps_groups_together():
    points, _ = clouds(0.05)
    places = plane_map(points)
    assert places.shape == (60, 2)
    np.testing.assert_array_equal(places, plane_map(points))
    assert silhouette_score(places, sorted_groups()) > 0.5


def test_few_clips_have_a_map():
    assert plane_map(np.eye(4)).shape == (4, 2)
