import math

import numpy as np
import pytest
from scipy import stats

from macbdf_mm.evaluation.functional.cluster_bootstrap import cluster_bootstrap
from macbdf_mm.evaluation.functional.clusters import Clusters
from macbdf_mm.evaluation.functional.comparison import (
    compare_bootstraps,
    compare_seeds,
    holm,
    paired_bootstrap,
    seed_spread,
)
from macbdf_mm.evaluation.functional.delong import compare_aucs
from macbdf_mm.evaluation.functional.detection import accuracy, auc, detection_measures
from macbdf_mm.evaluation.functional.ranking import weighted_auc

AUC = {"auc": weighted_auc}


def draw(num_persons: int = 40, per_person: int = 6, gain: float = 0.0, seed: int = 0):
    """Labels, two score rows that share most of their noise, and the persons as clusters."""
    generator = np.random.default_rng(seed)
    person = np.repeat(np.arange(num_persons), per_person)
    labels = np.arange(person.size) % 2
    common = 2 * labels - 1 + generator.normal(size=person.size)
    common += generator.normal(size=num_persons)[person]
    logits = [common + gain * labels, common]
    pair = [1 / (1 + np.exp(-row - 0.3 * generator.normal(size=person.size))) for row in logits]
    return labels, *pair, Clusters.of(person, "identity")


def test_all_metrics_of_two_detectors():
    labels, first, second, clusters = draw(gain=1.0)
    thresholds = (0.4, 0.6)
    result = paired_bootstrap(
        labels, first, second, clusters, *map(detection_measures, thresholds), num_resamples=200
    )
    assert list(result.differences) == list(detection_measures(0.5))
    area = result.differences["auc"]
    assert area.value_a == auc(labels, first)
    assert area.value_b == auc(labels, second)
    assert area.difference == area.value_a - area.value_b
    right = result.differences["acc"]
    assert right.value_a == accuracy(labels, first, 0.4)
    assert right.value_b == accuracy(labels, second, 0.6)
    assert area.low <= area.difference <= area.high
    assert area.low > 0
    assert area.p_value == pytest.approx(2 / 201)
    assert result.clusters.kind == "identity"


def test_both_are_measured_on_the_same_resamples():
    labels, first, second, clusters = draw()
    joint = paired_bootstrap(labels, first, second, clusters, AUC, num_resamples=100, seed=4)
    apart = [
        cluster_bootstrap(labels, row, clusters, AUC, num_resamples=100, seed=4).replicates["auc"]
        for row in (first, second)
    ]
    low, high = np.quantile(apart[0] - apart[1], [0.025, 0.975])
    assert joint.differences["auc"][3:5] == pytest.approx((low, high))


def test_agrees_with_delong_on_clusters():
    labels, first, second, clusters = draw(num_persons=100, gain=0.15)
    found = paired_bootstrap(labels, first, second, clusters, AUC, num_resamples=2000)
    expected = compare_aucs(labels, first, second, clusters)
    ends = found.differences["auc"]
    width = expected.high - expected.low
    assert ends.low == pytest.approx(expected.low, abs=0.1 * width)
    assert ends.high == pytest.approx(expected.high, abs=0.1 * width)


def test_a_detector_does_not_differ_from_itself():
    labels, first, _, clusters = draw()
    result = paired_bootstrap(labels, first, first, clusters, AUC, num_resamples=50)
    assert result.differences["auc"][2:] == (0, 0, 0, 1)


def test_one_class():
    clusters = Clusters.of(np.arange(2), "clip")
    result = paired_bootstrap([1, 1], [0.1, 0.2], [0.3, 0.2], clusters, AUC, num_resamples=5)
    assert all(math.isnan(value) for value in result.differences["auc"])


def test_what_is_refused():
    labels, first, second, clusters = draw(4)
    with pytest.raises(ValueError, match=r"same names, got \['auc', 'eer'\] in one"):
        paired_bootstrap(labels, first, second, clusters, AUC, {"eer": weighted_auc})
    with pytest.raises(ValueError, match="`num_resamples` > 0, got 0"):
        paired_bootstrap(labels, first, second, clusters, AUC, num_resamples=0)


def test_holm_by_hand():
    # Holm (1979): 0.01 * 4, 0.02 * 3, then never less than the one before.
    assert holm([0.02, 0.01, 0.03, 0.9]) == pytest.approx([0.06, 0.04, 0.06, 0.9])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_rejects_what_the_step_down_procedure_rejects():
    generator = np.random.default_rng(0)
    for _ in range(50):
        values = generator.random(6) ** 3
        rejected = set()
        for step, index in enumerate(np.argsort(values)):
            if values[index] > 0.05 / (6 - step):
                break
            rejected.add(int(index))
        assert {i for i, value in enumerate(holm(values)) if value <= 0.05} == rejected


def test_a_comparison_that_is_not_defined_does_not_count():
    adjusted = holm([0.01, math.nan, 0.04])
    assert adjusted[::2] == pytest.approx([0.02, 0.04])
    assert math.isnan(adjusted[1])


def test_no_p_value():
    with pytest.raises(ValueError, match=r"`p_values` in \[0, 1\], got \[0.1, 1.2\]"):
        holm([0.1, 1.2])


def test_seeds_have_a_spread_of_their_own():
    values = [0.91, 0.93, 0.90, 0.95]
    spread = seed_spread(values)
    expected = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (spread.low, spread.high) == pytest.approx(expected)
    assert spread.standard_deviation == pytest.approx(np.std(values, ddof=1))
    single = seed_spread([0.9])
    assert (single.mean, single.num_seeds, math.isnan(single.low)) == (0.9, 1, True)


@pytest.mark.parametrize("values", [[], [0.9, math.nan]])
def test_no_seeds(values):
    with pytest.raises(ValueError, match="`values` of one or more runs"):
        seed_spread(values)


def test_seeds_of_two_detectors_by_welch():
    first, second = [0.91, 0.93, 0.90, 0.95], [0.90, 0.89, 0.905]
    variances = [np.var(values, ddof=1) / len(values) for values in (first, second)]
    error = np.sqrt(sum(variances))
    freedom = error**4 / (variances[0] ** 2 / 3 + variances[1] ** 2 / 2)
    found = compare_seeds(first, second)
    assert found.difference == pytest.approx(np.mean(first) - np.mean(second))
    p_value = 2 * stats.t.sf(found.difference / error, freedom)
    assert found.p_value == pytest.approx(p_value)
    assert found.high - found.low == pytest.approx(2 * stats.t.ppf(0.975, freedom) * error)
    assert math.isnan(compare_seeds([0.9], second).p_value)
    assert compare_seeds([0.9, 0.9], [0.8, 0.8]).p_value == 0


def test_runs_of_several_seeds_are_compared_by_their_means():
    labels, first, second, clusters = draw(gain=1.0)
    third = draw(gain=0.4, seed=1)[1]
    runs = [
        cluster_bootstrap(labels, scores, clusters, AUC, num_resamples=300)
        for scores in (first, third, second)
    ]
    found = compare_bootstraps(runs[:2], runs[2:]).differences["auc"]
    areas = [auc(labels, scores) for scores in (first, third, second)]
    assert found.difference == pytest.approx(np.mean(areas[:2]) - areas[2])
    drawn = [run.replicates["auc"] for run in runs]
    expected = np.quantile((drawn[0] + drawn[1]) / 2 - drawn[2], [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx(tuple(expected))
    other = cluster_bootstrap(labels[:60], first[:60], clusters.subset(np.arange(60)), AUC)
    with pytest.raises(ValueError, match="the same metrics and the same clusters"):
        compare_bootstraps(runs[:1], [other])


def test_where_all_resamples_are_alike_no_difference_is_shown():
    labels, scores = np.array([0, 1, 0, 1]), np.array([0.2, 0.8, 0.6, 0.4])
    one_person = Clusters.of(np.zeros(4), "identity")
    compared = paired_bootstrap(labels, labels * 0.5, scores, one_person, AUC, num_resamples=9)
    found = compared.differences["auc"]
    assert found.difference == 0.25
    assert np.isnan([found.low, found.high, found.p_value]).all()
