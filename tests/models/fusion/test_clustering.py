"""k-means and the silhouette against scikit-learn.

Mutations tried, each of which fails a test here: silhouette negated; own distance counted among
the others; a cluster of one scored; own cluster among the other ones; first centres drawn by plain
distance; worst restart kept; smallest silhouette kept; one iteration of Lloyd; global random
state.
"""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score, silhouette_score

from macbdf_mm.models.fusion import clustering
from macbdf_mm.models.fusion.clustering import (
    Clustering,
    choose_clustering,
    cluster_means,
    k_means,
    lloyd,
    silhouette,
    spread_centres,
)


def blobs(num_clusters, seed, num_features=120, embed_dims=16):
    """Return features (N, D) on the unit sphere around well separated directions, and truth."""
    directions = np.linalg.qr(np.random.default_rng(seed).normal(size=(embed_dims, 8)))[0].T
    features, truth = make_blobs(
        num_features, centers=directions[:num_clusters], cluster_std=0.05, random_state=seed
    )
    return features / np.linalg.norm(features, axis=1, keepdims=True), truth


def unstructured(seed, num_features=90, embed_dims=6):
    return np.random.default_rng(seed).normal(size=(num_features, embed_dims))


@pytest.mark.holds("silhouette, k-means, number of clusters")
@pytest.mark.parametrize("num_clusters", [2, 3, 5, 8])
def test_silhouette_is_scikit_learns(num_clusters):
    features = unstructured(num_clusters)
    assignment = np.random.default_rng(0).integers(0, num_clusters, len(features))
    distances = torch.cdist(torch.from_numpy(features), torch.from_numpy(features))
    ours = silhouette(distances, torch.from_numpy(assignment))
    assert float(ours) == pytest.approx(silhouette_score(features, assignment), abs=1e-9)


def test_silhouette_with_a_cluster_of_one_is_scikit_learns():
    features = unstructured(3, num_features=9)
    assignment = np.array([0, 0, 0, 1, 1, 1, 1, 1, 2])
    distances = torch.cdist(torch.from_numpy(features), torch.from_numpy(features))
    ours = silhouette(distances, torch.from_numpy(assignment))
    assert float(ours) == pytest.approx(silhouette_score(features, assignment), abs=1e-9)


def test_silhouette_of_alike_features_or_one_cluster_is_zero():
    assert float(silhouette(torch.zeros(4, 4), torch.tensor([0, 1, 0, 1]))) == 0.0
    assert float(silhouette(torch.rand(3, 3), torch.tensor([0, 0, 0]))) == 0.0


@pytest.mark.holds("silhouette, k-means, number of clusters")
@pytest.mark.parametrize("seed", range(4))
def test_lloyd_ends_where_scikit_learns_does(seed):
    features = unstructured(seed)
    start = features[:5]
    theirs = KMeans(5, init=start, n_init=1, tol=0.0, max_iter=100).fit(features)
    assignment, inertia = lloyd(torch.from_numpy(features), torch.from_numpy(start))
    assert adjusted_rand_score(theirs.labels_, assignment.numpy()) == 1.0
    assert inertia == pytest.approx(theirs.inertia_, rel=1e-9)


@pytest.mark.holds("3.2.2, clusters", "silhouette, k-means, number of clusters")
@pytest.mark.parametrize("num_clusters", [2, 3, 4, 6, 8])
def test_the_number_of_clusters_is_found_as_by_scikit_learn(num_clusters):
    features, truth = blobs(num_clusters, seed=num_clusters)
    ours = choose_clustering(torch.from_numpy(features), 2, 8, seed=1)
    scores = {}
    for count in range(2, 9):
        labels = KMeans(count, n_init=10, random_state=0).fit_predict(features)
        scores[count] = silhouette_score(features, labels)
    assert ours.num_clusters == max(scores, key=scores.get) == num_clusters
    assert adjusted_rand_score(truth, ours.assignment.numpy()) == 1.0
    assert ours.silhouette == pytest.approx(scores[num_clusters], abs=1e-9)
    means = [features[truth == k].mean(axis=0) for k in range(num_clusters)]
    order = [truth[(ours.assignment == k).numpy()][0] for k in range(num_clusters)]
    np.testing.assert_allclose(ours.centres.numpy(), np.stack(means)[order], atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_inertia_without_structure_is_near_scikit_learns(seed):
    # Both are local optima of a hard problem: 5 % allows for a different one.
    features = unstructured(seed)
    theirs = KMeans(6, n_init=10, random_state=0).fit(features)
    ours = k_means(torch.from_numpy(features), 6, seed=seed)
    assert ours.inertia <= 1.05 * theirs.inertia_


def test_no_feature_is_nearer_to_another_centre():
    ours = k_means(torch.from_numpy(unstructured(7)), 5)
    distances = torch.cdist(torch.from_numpy(unstructured(7)), ours.centres)
    assert torch.equal(distances.argmin(dim=1), ours.assignment)


def test_first_centres_are_drawn_by_squared_distance():
    # From the far point the two near ones have equal chances, and it is never drawn twice.
    features = torch.tensor([[0.0], [0.0], [0.0], [1.0], [3.0]])
    generator = torch.Generator().manual_seed(0)
    drawn = []
    for _ in range(4000):
        first, second = spread_centres(features, 2, generator).flatten().tolist()
        if first == 0.0:
            drawn.append(second)
    assert 0.0 not in drawn
    # One in ten by squares; one in four if plain distances were used. Spread of the share: 0.006.
    assert np.mean(np.array(drawn) == 1.0) == pytest.approx(0.1, abs=0.025)


def test_equal_seeds_give_equal_clusters_and_leave_the_global_state_alone():
    features = torch.from_numpy(unstructured(5))
    state = torch.get_rng_state()
    first, second = choose_clustering(features, seed=3), choose_clustering(features, seed=3)
    assert torch.equal(first.assignment, second.assignment)
    assert torch.equal(first.centres, second.centres)
    assert torch.equal(torch.get_rng_state(), state)


def test_alike_features_are_one_cluster():
    ours = choose_clustering(torch.ones(20, 4))
    assert (ours.num_clusters, ours.silhouette, ours.inertia) == (1, 0.0, 0.0)
    torch.testing.assert_close(ours.centres, torch.ones(1, 4))


def test_no_cluster_is_empty_where_few_features_differ():
    features = torch.eye(3).repeat(6, 1)
    ours = k_means(features, 5)
    assert ours.num_clusters == 3
    assert torch.bincount(ours.assignment).tolist() == [6, 6, 6]
    assert ours.inertia == 0.0


def test_there_are_always_fewer_clusters_than_features():
    assert choose_clustering(torch.eye(4), 2, 8).num_clusters <= 3


def test_halves_are_raised_to_float32():
    ours = choose_clustering(torch.from_numpy(blobs(3, 0)[0]).half())
    assert ours.centres.dtype == torch.float32
    assert ours.num_clusters == 3


def test_a_centre_without_features_stays_where_it_is():
    # At the origin, the mean of nothing, it would take the first feature from its neighbour.
    features = torch.tensor([[0.1], [0.9], [9.6], [10.4]])
    assignment, inertia = lloyd(features, torch.tensor([[0.5], [10.0], [50.0]]))
    assert assignment.tolist() == [0, 0, 1, 1]
    assert inertia == pytest.approx(4 * 0.4**2, rel=1e-4)


def test_of_equal_silhouettes_the_smaller_number_of_clusters_is_taken(monkeypatch):
    def k_means_of_one_silhouette(features, num_clusters, seed, distances):
        assignment = torch.arange(len(features)) % num_clusters
        return Clustering(features[:num_clusters], assignment, 1.0, 0.5)

    monkeypatch.setattr(clustering, "k_means", k_means_of_one_silhouette)
    assert choose_clustering(torch.rand(20, 4), 3, 6).num_clusters == 3


def test_means_of_an_empty_cluster_are_zero():
    means, counts = cluster_means(torch.tensor([[1.0], [3.0]]), torch.tensor([2, 2]), 3)
    assert means.flatten().tolist() == [0, 0, 2]
    assert counts.tolist() == [0, 0, 2]


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"2 <= `min_clusters` <= `max_clusters`, got 1 and 8"):
        choose_clustering(torch.rand(20, 4), min_clusters=1)
    with pytest.raises(ValueError, match=r"got 5 and 3"):
        choose_clustering(torch.rand(20, 4), min_clusters=5, max_clusters=3)
    with pytest.raises(ValueError, match=r"`features` \(N, D\) with N >= 3, got \(2, 4\)"):
        choose_clustering(torch.rand(2, 4))
    with pytest.raises(ValueError, match=r"with N >= 3, got \(4,\)"):
        k_means(torch.rand(4), 3)
    with pytest.raises(ValueError, match=r"finite `features`, got NaN or infinity"):
        k_means(torch.full((4, 2), float("nan")), 2)
