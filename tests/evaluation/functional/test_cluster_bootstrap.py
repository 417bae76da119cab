import math
from functools import partial

import numpy as np
import pytest

from macbdf_mm.evaluation.functional.cluster_bootstrap import (
    ClassesOfClusters,
    cluster_bootstrap,
    measure_of,
    percentile_interval,
)
from macbdf_mm.evaluation.functional.clusters import Clusters, clusters_of
from macbdf_mm.evaluation.functional.decisions import weighted_balanced_accuracy
from macbdf_mm.evaluation.functional.detection import auc, detection_measures
from macbdf_mm.evaluation.functional.ranking import weighted_auc, weighted_eer

MEASURES = detection_measures(0.5)
AUC = {"auc": weighted_auc}


def draw(num_persons: int = 30, per_person: int = 8, seed: int = 0):
    """Labels, scores in [0, 1] and clusters of persons whose clips resemble each other."""
    generator = np.random.default_rng(seed)
    person = np.repeat(np.arange(num_persons), per_person)
    labels = np.tile([0, 1], person.size // 2)
    logits = 2 * labels - 1 + generator.normal(size=person.size)
    logits += generator.normal(size=num_persons)[person]
    return labels, 1 / (1 + np.exp(-logits)), clusters_of(person, [f"p{p}" for p in person])


def test_every_metric_has_value_interval_and_replicates():
    labels, scores, clusters = draw()
    result = cluster_bootstrap(labels, scores, clusters, MEASURES, num_resamples=200)
    assert list(result.estimates) == list(result.replicates) == list(MEASURES)
    for name, estimate in result.estimates.items():
        assert estimate.low <= estimate.value <= estimate.high, name
        assert result.replicates[name].shape == (200,)
    assert result.estimates["auc"].value == auc(labels, scores)


def test_the_calibration_error_of_resamples_is_moved_to_its_value():
    labels, scores, clusters = draw()
    result = cluster_bootstrap(labels, scores, clusters, MEASURES)
    estimate, replicates = result.estimates["ece"], result.replicates["ece"]
    assert replicates.mean() > estimate.value + 0.02
    width = np.subtract(*np.quantile(replicates, [0.975, 0.025]))
    assert estimate.high - estimate.low == pytest.approx(width)


def test_resamples_equal_gathering_the_clips_of_the_drawn_clusters():
    labels, scores, clusters = draw(10)
    counts = np.concatenate(list(ClassesOfClusters(labels, clusters).draw(20, seed=3)))
    result = cluster_bootstrap(labels, scores, clusters, AUC, num_resamples=20, seed=3)
    for row, value in zip(counts.astype(int), result.replicates["auc"], strict=True):
        drawn = np.concatenate(
            [np.flatnonzero(clusters.index == c) for c in range(10) for _ in range(row[c])]
        )
        assert value == pytest.approx(auc(labels[drawn], scores[drawn]), abs=1e-12)


def test_without_clusters_it_is_the_bootstrap_of_clips():
    labels, scores, _ = draw()
    alone = clusters_of(range(labels.size))
    estimate = cluster_bootstrap(labels, scores, alone, AUC, num_resamples=2000).estimates["auc"]
    fakes, reals = scores[labels == 1], scores[labels == 0]
    generator = np.random.default_rng(0)
    values = [
        auc(
            np.repeat([1, 0], [fakes.size, reals.size]),
            np.concatenate([generator.choice(part, part.size) for part in (fakes, reals)]),
        )
        for _ in range(2000)
    ]
    expected = np.quantile(values, [0.025, 0.975])
    # Two draws of 2000 resamples: the ends have a standard error of about 0.002.
    assert (estimate.low, estimate.high) == pytest.approx(expected, abs=0.008)


def test_clips_of_one_person_widen_the_interval():
    labels, scores, clusters = draw(20, 20)
    widths = []
    for groups in (clusters, clusters_of(range(labels.size))):
        estimate = cluster_bootstrap(labels, scores, groups, AUC).estimates["auc"]
        widths.append(estimate.high - estimate.low)
    assert widths[0] > 1.3 * widths[1]


def test_no_resample_lacks_a_class_or_changes_the_kinds_of_clusters():
    labels = np.array([0, 1, 1, 0, 1])
    clusters = Clusters.of(np.array([0, 1, 2, 3, 3]), "identity")
    counts = np.concatenate(list(ClassesOfClusters(labels, clusters).draw(50, seed=0)))
    assert (counts[:, 0] == 1).all()  # the only real one
    assert (counts[:, 1:3].sum(axis=1) == 2).all()
    assert (counts[:, 3] == 1).all()  # the only one of both
    assert len(np.unique(counts[:, 1])) == 3


def test_draws_do_not_depend_on_how_many_come_at_a_time():
    labels, _, clusters = draw(7)
    classes = ClassesOfClusters(labels, clusters)
    at_once = np.concatenate(list(classes.draw(30, seed=1)))
    one_by_one = list(classes.draw(30, seed=1, num_levels=2**18))
    assert len(one_by_one) == 30
    np.testing.assert_array_equal(np.concatenate(one_by_one), at_once)
    assert (np.concatenate(list(classes.draw(30, seed=2))) != at_once).any()


def test_same_clips_same_interval_in_any_order():
    labels, scores, clusters = draw()
    first = cluster_bootstrap(labels, scores, clusters, AUC, num_resamples=50)
    again = cluster_bootstrap(labels, scores, clusters, AUC, num_resamples=50)
    assert first.estimates == again.estimates
    order = np.random.default_rng(0).permutation(labels.size)
    shuffled = clusters.subset(order)
    other = cluster_bootstrap(labels[order], scores[order], shuffled, AUC, num_resamples=50)
    assert other.estimates["auc"] == pytest.approx(first.estimates["auc"])


def test_any_function_can_be_resampled():
    labels, scores, clusters = draw(12)
    measures = {"fast": weighted_auc, "slow": measure_of(auc)}
    result = cluster_bootstrap(labels, scores, clusters, measures, num_resamples=30)
    np.testing.assert_allclose(result.replicates["slow"], result.replicates["fast"])


def test_many_distinct_scores_are_gathered_with_little_loss():
    labels, scores, clusters = draw(100, 60)
    results = [
        cluster_bootstrap(labels, scores, clusters, MEASURES, num_resamples=100, max_levels=most)
        for most in (None, 2**10)
    ]
    for name in MEASURES:
        fine, coarse = (result.estimates[name] for result in results)
        width = fine.high - fine.low
        assert coarse.value == fine.value
        # With a sixteenth of the levels that large sets have.
        assert coarse == pytest.approx(fine, abs=0.02 * width), name


def test_report_says_what_was_resampled_and_whether_it_is_enough():
    labels, scores, clusters = draw(9)
    report = cluster_bootstrap(labels, scores, clusters, AUC, num_resamples=2).clusters
    assert (report.kind, report.num_clusters, report.is_reliable) == ("identity", 9, False)
    labels, scores, clusters = draw(10)
    labels[clusters.index == 3] = 1  # a person without real clips
    report = cluster_bootstrap(labels, scores, clusters, AUC, num_resamples=2).clusters
    assert (report.num_fake_clusters, report.num_real_clusters) == (10, 9)
    assert not report.is_reliable
    labels, scores, clusters = draw(10)
    assert cluster_bootstrap(labels, scores, clusters, AUC, num_resamples=2).clusters.is_reliable


@pytest.mark.parametrize("labels", [[1, 1], [0, 0], []])
def test_one_class_is_nan_and_no_exception(labels):
    scores = np.full(len(labels), 0.6)
    result = cluster_bootstrap(
        labels, scores, clusters_of(range(len(labels))), MEASURES, num_resamples=3
    )
    assert all(math.isnan(value) for value in result.estimates["auc"])
    assert math.isnan(result.estimates["brier"].value) == (not labels)


def test_undefined_resamples_are_left_out():
    assert percentile_interval(np.array([np.nan, 1.0, 2.0]), 0.5) == (1.25, 1.75)
    assert all(math.isnan(end) for end in percentile_interval(np.array([np.nan])))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_resamples": 0}, "`num_resamples` > 0, got 0"),
        ({"confidence": 1.0}, r"`confidence` inside \(0, 1\), got 1.0"),
    ],
)
def test_settings_out_of_range(settings, message):
    labels, scores, clusters = draw(2)
    with pytest.raises(ValueError, match=message):
        cluster_bootstrap(labels, scores, clusters, AUC, **settings)


def test_clusters_of_other_clips():
    with pytest.raises(ValueError, match="`clusters` of the 3 clips, got 2 clips"):
        cluster_bootstrap([0, 1, 1], [0.1, 0.2, 0.3], clusters_of("ab"), AUC)


COVERED = {"auc": weighted_auc, "eer": weighted_eer,
            "balanced_acc": partial(weighted_balanced_accuracy, threshold=0.6)}  # fmt: skip


def coverage(num_sets: int, num_persons: int, per_person: int) -> dict[tuple[str, str], float]:
    """Share of simulated test sets whose interval holds the truth, by metric and clusters."""
    # Persons shift the scores of their clips; the variances of score are 1 within and 1 between,
    # and the means of the classes 1.2 apart.
    error = 0.5 * math.erfc(0.6 / 2)
    truths = {"auc": 0.5 * (1 + math.erf(0.6 / math.sqrt(2))), "eer": error}
    truths["balanced_acc"] = 1 - error
    hits = {(name, kind): 0 for name in truths for kind in ("identity", "clip")}
    for seed in range(num_sets):
        generator = np.random.default_rng(seed)
        person = np.repeat(np.arange(num_persons), per_person)
        # Each person is real in half of the sets' clips, as in FakeAVCeleb's pairs.
        is_fake_person = np.arange(num_persons) % 2
        labels = is_fake_person[person]
        scores = 1.2 * labels + generator.normal(size=person.size)
        scores += generator.normal(size=num_persons)[person]
        for kind, groups in (
            ("identity", clusters_of(person, person.astype(str).tolist())),
            ("clip", clusters_of(person * per_person + np.arange(person.size))),
        ):
            found = cluster_bootstrap(labels, scores, groups, COVERED, num_resamples=200, seed=seed)
            for name, (_, low, high) in found.estimates.items():
                hits[name, kind] += low <= truths[name] <= high
    return {key: number / num_sets for key, number in hits.items()}


def test_coverage_with_correlated_clips_is_near_nominal_by_person_only():
    shares = coverage(num_sets=100, num_persons=40, per_person=10)
    # 100 sets: a share of 0.95 has a standard error of 0.022.
    for name in COVERED:
        assert 0.87 <= shares[name, "identity"] <= 0.99, shares
        assert shares[name, "clip"] < 0.7, shares


@pytest.mark.parametrize(
    ("index", "expected"), [([0, 0, 0, 0], False), ([0, 0, 1, 1], False), ([0, 1, 2, 2], True)]
)
def test_resamples_that_are_all_alike_give_no_interval(index, expected):
    labels, scores = [0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]
    clusters = Clusters.of(index, "identity")
    found = cluster_bootstrap(labels, scores, clusters, detection_measures(0.5), num_resamples=20)
    for name in ("auc", "acc", "ece"):
        estimate = found.estimates[name]
        assert not np.isnan(estimate.value)
        assert np.isnan([estimate.low, estimate.high]).all() != expected, name
