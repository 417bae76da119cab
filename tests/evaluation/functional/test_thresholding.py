import math

import numpy as np
import pytest
from sklearn import metrics

from macbdf_mm.evaluation.functional import accuracy, balanced_accuracy, best_threshold


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


def test_best_threshold_survives_float32():
    scores = np.float32([0.4999999, 0.5])
    threshold = np.float32(best_threshold([0, 1], scores))
    assert accuracy([0, 1], scores, float(threshold)) == 1.0
