import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from macbdf_mm.evaluation.functional.cluster_bootstrap import ClassesOfClusters
from macbdf_mm.evaluation.functional.clusters import Clusters
from macbdf_mm.evaluation.functional.detection import ece
from macbdf_mm.evaluation.functional.reliability import (
    reliability_bins,
    reliability_curve,
    reliability_intervals,
)


def draw(size: int = 4000):
    generator = np.random.default_rng(0)
    scores = generator.random(size)
    return (generator.random(size) < scores**2).astype(int), scores


def test_bins_equal_scikit_learn_and_make_up_the_ece():
    labels, scores = draw()
    bins = reliability_bins(labels, scores)
    shares, means = calibration_curve(labels, scores, n_bins=15)
    np.testing.assert_allclose(bins.fake_shares, shares)
    np.testing.assert_allclose(bins.scores, means)
    gaps = np.abs(bins.scores - bins.fake_shares) * bins.num_clips
    assert gaps.sum() / labels.size == pytest.approx(ece(labels, scores))


def test_empty_bins_are_left_out():
    bins = reliability_bins([0, 1], [0.01, 1.0])
    assert bins.num_clips.tolist() == [1, 1]
    assert bins.fake_shares.tolist() == [0, 1]
    assert reliability_bins([], []).scores.size == 0


def test_curve_equals_a_kernel_regression_by_loops():
    labels, scores = draw(60)
    curve = reliability_curve(labels, scores, bandwidth=0.1, num_points=5)
    for point, share, density in zip(*curve, strict=True):
        masses = np.zeros(2)
        for label, score in zip(labels, scores, strict=True):
            for image in (score, -score, 2 - score, score - 2, score + 2):
                masses[label] += np.exp(-(((point - image) / 0.1) ** 2) / 2)
        assert share == pytest.approx(masses[1] / masses.sum(), abs=1e-4)
        height = masses.sum() / (60 * 0.1 * np.sqrt(2 * np.pi))
        assert density == pytest.approx(height, rel=1e-3)


def test_curve_follows_the_probability():
    labels, scores = draw(40000)
    curve = reliability_curve(labels, scores)
    inside = (curve.scores > 0.1) & (curve.scores < 0.9)
    np.testing.assert_allclose(curve.fake_shares[inside], curve.scores[inside] ** 2, atol=0.03)
    assert np.trapezoid(curve.densities, curve.scores) == pytest.approx(1, abs=1e-3)


def test_where_there_are_no_clips_nothing_is_said():
    curve = reliability_curve([0, 1], [0.0, 0.1], bandwidth=0.01)
    assert np.isnan(curve.fake_shares[-1])
    assert not np.isnan(curve.fake_shares[0])
    assert np.isnan(reliability_curve([], []).fake_shares).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bandwidth": 0.001}, r"`bandwidth` in \[0.01, 1\], got 0.001"),
        ({"num_points": 1}, "`num_points` > 1, got 1"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        reliability_curve([0, 1], [0.2, 0.3], **settings)
    with pytest.raises(ValueError, match="`num_bins` > 0, got 0"):
        reliability_bins([0], [0.2], num_bins=0)


def test_intervals_equal_resamples_that_are_gathered():
    labels, scores = draw(90)
    clusters = Clusters.of(np.arange(90) // 3, "identity")
    found = reliability_intervals(labels, scores, clusters, 5, num_resamples=40, seed=3)
    counts = np.concatenate(list(ClassesOfClusters(labels, clusters).draw(40, 3)))
    bins = np.minimum((scores * 5).astype(int), 4)
    shares = np.full((40, 5), np.nan)
    for row, times in enumerate(counts):
        clips = np.repeat(np.arange(90), times[clusters.index].astype(int))
        for place in range(5):
            drawn = labels[clips[bins[clips] == place]]
            if drawn.size:
                shares[row, place] = drawn.mean()
    expected = np.nanquantile(shares, [0.025, 0.975], axis=0).T
    is_mixed = expected[:, 0] < expected[:, 1]
    assert is_mixed.sum() >= 4
    np.testing.assert_allclose(found[is_mixed], expected[is_mixed])


def test_a_bin_in_which_resamples_cannot_differ_counts_its_clusters():
    labels = np.array([0, 0, 0, 0, 1, 1, 1])
    scores = np.array([0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9])
    clusters = Clusters.of([0, 0, 1, 1, 2, 3, 4], "identity")
    found = reliability_intervals(labels, scores, clusters, num_resamples=20)
    # Two clusters without a fake, three with nothing else: (1 - p)^2 and p^3 are 0.025.
    np.testing.assert_allclose(found, [[0, 1 - 0.025 ** (1 / 2)], [0.025 ** (1 / 3), 1]])
    # One person, real and fake alike: hardly anything is known.
    one = reliability_intervals(
        [0, 1, 0, 1], [0.5, 0.5, 0.1, 0.9], Clusters.of([0, 0, 1, 2], "identity"), num_resamples=20
    )
    assert one[1, 1] - one[1, 0] > 0.95
    assert reliability_intervals([], [], Clusters.of([], "clip")).shape == (0, 2)
    with pytest.raises(ValueError, match=r"Expected `num_resamples` > 0, got 0"):
        reliability_intervals(labels, scores, clusters, num_resamples=0)
