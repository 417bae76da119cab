import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from sklearn import metrics

from macbdf_mm.evaluation.functional import auc, average_precision, eer, roc_curve


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


def test_area_under_the_curve_is_the_auc():
    labels, scores = draw(3)
    curve = roc_curve(labels, scores)
    area = np.trapezoid(curve.true_positive_rate, curve.false_positive_rate)
    assert area == pytest.approx(auc(labels, scores), abs=1e-12)
    assert curve.false_positive_rate[[0, -1]].tolist() == [0, 1]


def test_curve_of_one_class():
    with pytest.raises(ValueError, match="a ROC curve needs two classes"):
        roc_curve([1, 1], [0.1, 0.2])
