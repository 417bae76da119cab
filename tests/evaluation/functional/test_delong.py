import math

import numpy as np
import pytest
from scipy import stats

from macbdf_mm.evaluation.functional.clusters import Clusters, clusters_of
from macbdf_mm.evaluation.functional.delong import auc_covariance, compare_aucs, delong_interval
from macbdf_mm.evaluation.functional.detection import auc


def draw(seed: int = 0, size: int = 40, levels: int = 12):
    """Labels and the scores, with ties, of two detectors that resemble each other."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(size) % 3 == 0).astype(int)
    common = generator.normal(labels, 1.0)
    pair = [np.round(levels * (common + generator.normal(size=size) / 2)) for _ in range(2)]
    return labels, *pair


def covariance_by_loops(labels, systems):
    """DeLong et al. (1988), equations 4 to 7, pair by pair."""
    fakes, reals = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    v10, v01 = np.zeros((len(systems), len(fakes))), np.zeros((len(systems), len(reals)))
    for row, scores in enumerate(systems):
        for i, fake in enumerate(fakes):
            for j, real in enumerate(reals):
                psi = 1.0 if scores[fake] > scores[real] else 0.5 * (scores[fake] == scores[real])
                v10[row, i] += psi / len(reals)
                v01[row, j] += psi / len(fakes)
    theta = v10.mean(axis=1)
    s10 = (v10 - theta[:, None]) @ (v10 - theta[:, None]).T / (len(fakes) - 1)
    s01 = (v01 - theta[:, None]) @ (v01 - theta[:, None]).T / (len(reals) - 1)
    return theta, s10 / len(fakes) + s01 / len(reals)


@pytest.mark.parametrize("levels", [1, 12, 10**6])
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_equations_pair_by_pair(seed, levels):
    labels, first, second = draw(seed, levels=levels)
    areas, covariance = auc_covariance(labels, [first, second])
    expected = covariance_by_loops(labels, [first, second])
    np.testing.assert_allclose(areas, expected[0], atol=1e-12)
    np.testing.assert_allclose(covariance, expected[1], atol=1e-12)
    result = compare_aucs(labels, first, second)
    assert result.auc_a == pytest.approx(auc(labels, first))
    variance = expected[1][0, 0] + expected[1][1, 1] - 2 * expected[1][0, 1]
    z = (expected[0][0] - expected[0][1]) / math.sqrt(variance)
    assert result.standard_error == pytest.approx(math.sqrt(variance))
    assert result.p_value == pytest.approx(2 * stats.norm.cdf(-abs(z)))
    assert result.high - result.low == pytest.approx(2 * 1.959964 * math.sqrt(variance))


def test_sides():
    labels, first, second = draw()
    result, swapped = compare_aucs(labels, first, second), compare_aucs(labels, second, first)
    assert result.difference == -swapped.difference
    assert result.p_value == swapped.p_value
    assert (result.low, result.high) == (-swapped.high, -swapped.low)


def test_the_scale_of_the_scores_does_not_matter():
    labels, first, second = draw()
    expected = compare_aucs(labels, first, second)
    assert compare_aucs(labels, np.exp(first / 9), 3 * second - 7) == expected


def test_equal_detectors_and_certain_differences():
    labels, first, _ = draw()
    same = compare_aucs(labels, first, 2 * first)
    assert (same.difference, same.standard_error, same.p_value) == (0, 0, 1)
    certain = compare_aucs([0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 0, 0])
    assert (certain.difference, certain.p_value) == (1, 0)


def test_clusters_of_one_clip_change_next_to_nothing():
    labels, first, second = draw(size=600, levels=10**6)
    plain = compare_aucs(labels, first, second)
    alone = compare_aucs(labels, first, second, clusters_of(range(600)))
    assert alone.standard_error == pytest.approx(plain.standard_error, rel=0.01)


def test_repeated_clips_say_nothing_new_if_they_are_one_cluster():
    labels, first, second = draw(size=60)
    plain = compare_aucs(labels, first, second, clusters_of(range(60)))
    repeated = [np.repeat(values, 5) for values in (labels, first, second)]
    naive = compare_aucs(*repeated)
    clustered = compare_aucs(*repeated, Clusters.of(np.repeat(np.arange(60), 5), "source"))
    assert clustered.standard_error == pytest.approx(plain.standard_error)
    assert naive.standard_error < plain.standard_error / 2


def test_no_difference_is_found_in_five_of_a_hundred():
    # Persons shift the scores of both detectors on their clips, each in its own way.
    found = {"identity": 0, "clip": 0}
    for seed in range(300):
        generator = np.random.default_rng(seed)
        person = np.repeat(np.arange(40), 6)
        labels = (np.arange(40) % 2)[person]
        pair = [
            labels + generator.normal(size=240) + generator.normal(size=40)[person]
            for _ in range(2)
        ]
        clusters = Clusters.of(person, "identity")
        found["identity"] += compare_aucs(labels, *pair, clusters).p_value < 0.05
        found["clip"] += compare_aucs(labels, *pair).p_value < 0.05
    assert 0.02 <= found["identity"] / 300 <= 0.10
    assert found["clip"] / 300 > 0.15


def test_few_persons_find_no_more_differences():
    # Detectors that differ by chance from person to person, and in nothing else.
    person = np.repeat(np.arange(5), 10)
    clusters = Clusters.of(person, "identity")
    labels = np.tile(np.arange(10) % 2, 5)
    found = inside = 0
    for seed in range(400):
        generator = np.random.default_rng(seed)
        skill = 1.5 + generator.normal(size=(2, 5))[:, person]
        pair = skill * labels + generator.normal(size=(2, 50))
        result = compare_aucs(labels, *pair, clusters)
        found += result.p_value < 0.05
        inside += result.low <= 0 <= result.high
    assert 0.02 <= found / 400 <= 0.08
    assert inside == 400 - found


def test_interval_of_one_area():
    labels, first, _ = draw(size=200)
    area, low, high = delong_interval(labels, first)
    assert 0 < low < area < high < 1
    error = math.sqrt(covariance_by_loops(labels, [first])[1][0, 0])
    assert (low, high) == pytest.approx((area - 1.96 * error, area + 1.96 * error), abs=0.01)
    assert delong_interval([0, 1, 1], [0.1, 0.2, 0.3]) == (1, 1, 1)


@pytest.mark.parametrize("labels", [[0, 0, 0], [1, 1, 1]])
def test_one_class(labels):
    assert all(math.isnan(value) for value in compare_aucs(labels, [1, 2, 3], [3, 2, 1]))
    assert all(math.isnan(value) for value in delong_interval(labels, [1, 2, 3]))


def test_a_single_clip_or_cluster_has_no_variance():
    result = compare_aucs([0, 1, 1, 0], [0.3, 0.2, 0.5, 0.1], [0.1, 0.2, 0.3, 0.4])
    assert not math.isnan(result.p_value)
    single = compare_aucs([0, 1, 1], [0.3, 0.2, 0.5], [0.1, 0.2, 0.3])
    assert single.difference == -0.5
    assert math.isnan(single.p_value)
    one = Clusters.of(np.zeros(4, np.int64), "identity")
    assert math.isnan(compare_aucs([0, 1, 0, 1], [1, 2, 3, 4], [4, 1, 2, 3], one).p_value)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"got 1 of 2; .* at index 1"):
        compare_aucs([0, 1], [0.1, 0.2], [0.1, math.nan])
    with pytest.raises(ValueError, match=r"`confidence` inside \(0, 1\), got 95"):
        compare_aucs([0, 1], [0.1, 0.2], [0.1, 0.3], confidence=95)
    with pytest.raises(ValueError, match="`clusters` of the 2 clips, got 3 clips"):
        compare_aucs([0, 1], [0.1, 0.2], [0.1, 0.3], clusters_of("abc"))
