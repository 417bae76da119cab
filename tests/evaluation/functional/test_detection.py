import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from sklearn import metrics

from macbdf_mm.evaluation.functional.costs import DetectionCost
from macbdf_mm.evaluation.functional.detection import (
    accuracy,
    act_dcf,
    auc,
    aurc,
    average_precision,
    balanced_accuracy,
    best_threshold,
    brier,
    cllr,
    detection_measures,
    ece,
    eer,
    has_both_classes,
    labels_and_scores,
    log_loss,
    min_dcf,
    tpr_at_fpr,
)
from macbdf_mm.evaluation.functional.weighted_clips import WeightedClips


def test_types():
    labels, scores = labels_and_scores([True, False], np.array([1, 0], dtype=np.float32))
    assert labels.dtype == np.int64
    assert scores.dtype == np.float64


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1], [0.5], r"one shape \(N,\), got \(2,\) and \(1,\)"),
        ([[0], [1]], [[0.5], [0.5]], r"one shape \(N,\)"),
        ([0, -1], [0.5, 0.5], r"`labels` of 0 and 1, got \[-1\]; leave unknown clips out"),
        ([0, 1], [0.5, np.nan], "without NaN, got 1 of 2"),
    ],
)
def test_what_is_refused(labels, scores, message):
    with pytest.raises(ValueError, match=message):
        labels_and_scores(labels, scores)


def test_both_classes():
    assert has_both_classes(np.array([0, 1]))
    assert not has_both_classes(np.array([1, 1]))
    assert not has_both_classes(np.array([], dtype=np.int64))


def draw(seed: int, size: int = 60, levels: int = 8):
    """Labels and scores with many ties, both classes there."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(size) % 3 == 0).astype(int)
    return labels, (generator.integers(0, levels, size) + labels) / levels


@pytest.mark.parametrize("seed", range(5))
def test_auc_equals_scikit_learn(seed):
    labels, scores = draw(seed)
    # Ranks and trapezoids sum in another order.
    assert auc(labels, scores) == pytest.approx(metrics.roc_auc_score(labels, scores), abs=1e-12)


def test_auc_equals_counting_pairs():
    labels, scores = draw(7, size=20)
    wins = [
        1.0 if fake > real else 0.5 if fake == real else 0.0
        for fake in scores[labels == 1]
        for real in scores[labels == 0]
    ]
    assert auc(labels, scores) == pytest.approx(np.mean(wins), abs=1e-12)


def test_auc_of_equal_scores_is_one_half():
    assert auc([0, 1, 1], [0.3, 0.3, 0.3]) == 0.5


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=2, max_size=30))
def test_auc_keeps_under_monotone_maps_and_flips_with_labels(pairs):
    labels, scores = (np.array(column) for column in zip(*pairs, strict=True))
    value = auc(labels, scores)
    if math.isnan(value):
        assert len(set(labels)) == 1
        return
    assert 0 <= value <= 1
    assert auc(labels, np.exp(scores / 7)) == pytest.approx(value)
    assert auc(1 - labels, scores) == pytest.approx(1 - value)


@pytest.mark.parametrize("measure", [auc, eer, average_precision])
@pytest.mark.parametrize("labels", [[1, 1], [0, 0], []])
def test_one_class_gives_nan(measure, labels):
    assert math.isnan(measure(labels, [0.5] * len(labels)))


@pytest.mark.parametrize("seed", range(5))
def test_eer_equals_root_of_interpolated_curve(seed):
    labels, scores = draw(seed)
    false_rate, true_rate, _ = metrics.roc_curve(labels, scores)
    expected = brentq(lambda x: 1 - x - interp1d(false_rate, true_rate)(x), 0.0, 1.0)
    assert eer(labels, scores) == pytest.approx(expected, abs=1e-9)


def test_eer_at_the_extremes():
    assert eer([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]) == 0.0
    assert eer([1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9]) == 1.0
    assert eer([0, 1], [0.5, 0.5]) == 0.5


def test_average_precision_equals_mean_of_precisions():
    labels = np.array([1, 0, 1, 0, 0, 1])
    scores = np.array([0.9, 0.8, 0.7, 0.3, 0.2, 0.1])
    assert average_precision(labels, scores) == pytest.approx((1 / 1 + 2 / 3 + 3 / 6) / 3)


@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.5, 0.77, 1.0])
def test_accuracies_equal_scikit_learn(threshold):
    generator = np.random.default_rng(0)
    labels, scores = generator.integers(0, 2, 50), generator.random(50)
    calls = scores >= threshold
    assert accuracy(labels, scores, threshold) == metrics.accuracy_score(labels, calls)
    expected = metrics.balanced_accuracy_score(labels, calls)
    assert balanced_accuracy(labels, scores, threshold) == pytest.approx(expected)


def test_a_score_at_the_threshold_is_fake():
    assert accuracy([1], [0.5], 0.5) == 1.0
    assert accuracy([0], [0.5], 0.5) == 0.0


def test_always_fake_is_no_better_than_chance_when_balanced():
    labels, scores = [1] * 9 + [0], [1.0] * 10
    assert accuracy(labels, scores, 0.5) == 0.9
    assert balanced_accuracy(labels, scores, 0.5) == 0.5


def test_without_clips_or_classes():
    assert math.isnan(accuracy([], [], 0.5))
    assert math.isnan(balanced_accuracy([1], [0.5], 0.5))
    assert math.isnan(best_threshold([0, 0], [0.1, 0.2]))


@pytest.mark.parametrize("seed", range(10))
def test_best_threshold_beats_every_other(seed):
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(30) % 3 == 0).astype(int)
    scores = np.round(np.clip(generator.normal(0.4 + 0.2 * labels, 0.2), 0, 1), 1)
    best = balanced_accuracy(labels, scores, best_threshold(labels, scores))
    others = [balanced_accuracy(labels, scores, t) for t in np.linspace(0.001, 0.999, 999)]
    assert best >= max(others) - 1e-12


def test_best_threshold_lies_in_the_middle_of_the_widest_gap():
    assert best_threshold([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9]) == pytest.approx(0.4)
    # Between 0.2 and 0.3 one real clip is lost, between 0.5 and 0.9 one fake: equal worth.
    assert best_threshold([0, 1, 0, 1], [0.2, 0.3, 0.5, 0.9]) == pytest.approx(0.7)


def test_best_threshold_is_the_lowest_of_equal_gaps():
    # Between 0.25 and 0.5 one real clip is lost, between 0.75 and 1 one fake; both gaps are 0.25.
    assert best_threshold([0, 1, 0, 1], [0.25, 0.5, 0.75, 1.0]) == 0.375


def test_best_threshold_knows_equal_values_whatever_their_last_bit():
    # Between 3 and 15 it is 1 + 1/3, between 25 and 31 it is 1/3 + 1, which rounds otherwise.
    scores = [score / 32 for score in (3, 15, 23, 24, 25, 31)]
    assert best_threshold([0, 1, 0, 1, 0, 1], scores) == 9 / 32


def test_a_threshold_that_no_number_lies_beside_is_valued_as_it_decides():
    # Half-way between neighbouring numbers lies one of them: here the real clip's, called fake.
    assert best_threshold([0, 1], [0.5, np.nextafter(0.5, 1)]) == 0.25


def test_best_threshold_survives_float32():
    scores = np.float32([0.4999999, 0.5])
    threshold = np.float32(best_threshold([0, 1], scores))
    assert accuracy([0, 1], scores, float(threshold)) == 1.0


def test_measures_of_a_bootstrap_are_the_metrics():
    labels, scores = draw(0)
    scores = scores / 2
    cost = DetectionCost(0.2, 1.0, 3.0)
    values = {
        "auc": auc(labels, scores),
        "ap": average_precision(labels, scores),
        "eer": eer(labels, scores),
        "acc": accuracy(labels, scores, 0.4),
        "balanced_acc": balanced_accuracy(labels, scores, 0.4),
        "tpr_at_fpr_1e2": tpr_at_fpr(labels, scores, 1e-2),
        "tpr_at_fpr_1e3": tpr_at_fpr(labels, scores, 1e-3),
        "min_dcf": min_dcf(labels, scores, cost),
        "act_dcf": act_dcf(labels, scores, cost, 0.3),
        "cllr": cllr(labels, scores, 0.3),
        "log_loss": log_loss(labels, scores),
        "brier": brier(labels, scores),
        "ece": ece(labels, scores),
        "aurc": aurc(labels, scores, 0.4),
    }
    clips = WeightedClips.unweighted(labels, scores)
    measures = detection_measures(0.4, cost, 0.3)
    assert {name: float(measure(clips)[0]) for name, measure in measures.items()} == values
    assert not any(math.isnan(value) for value in values.values())
    assert act_dcf(labels, scores) != act_dcf(labels, scores, cost, 0.3)


def test_an_accuracy_at_no_threshold_is_not_defined():
    assert math.isnan(accuracy([0, 1], [0.2, 0.8], math.nan))
