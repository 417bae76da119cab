import math

import numpy as np
import pytest
from scipy import stats

from macbdf_mm.evaluation.functional.bootstrap import bootstrap_interval
from macbdf_mm.evaluation.functional.detection import accuracy, auc


def draw(size: int, seed: int = 0):
    generator = np.random.default_rng(seed)
    labels = np.arange(size) % 2
    return labels, generator.normal(labels * 1.0, 1.0)


def test_same_clips_same_interval():
    labels, scores = draw(60)
    first = bootstrap_interval(labels, scores, num_resamples=100)
    assert bootstrap_interval(labels, scores, num_resamples=100) == first


def test_interval_agrees_with_scipy():
    labels, scores = draw(120)

    def area(fakes, reals):
        return auc([1] * len(fakes) + [0] * len(reals), np.concatenate([fakes, reals]))

    expected = stats.bootstrap(
        (scores[labels == 1], scores[labels == 0]),
        area,
        vectorized=False,
        method="percentile",
        n_resamples=2000,
        rng=1,
    ).confidence_interval
    low, high = bootstrap_interval(labels, scores, num_resamples=2000)
    # Two draws of 2000 resamples: the ends have a standard error of about 0.003.
    assert (low, high) == pytest.approx(tuple(expected), abs=0.012)


def test_more_clips_narrow_the_interval_around_the_value():
    widths = []
    for size in (40, 640):
        labels, scores = draw(size)
        low, high = bootstrap_interval(labels, scores, num_resamples=300)
        assert low < auc(labels, scores) < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2  # about one quarter


def test_classes_keep_their_sizes():
    labels, scores = [1] * 9 + [0], [0.9] * 9 + [0.1]
    assert bootstrap_interval(labels, scores, lambda a, b: float(np.mean(a))) == (0.9, 0.9)
    assert bootstrap_interval(labels, scores, lambda a, b: float(len(b))) == (10, 10)
    assert bootstrap_interval(labels, scores, lambda a, b: float(b[a == 0].mean())) == (0.1, 0.1)


def test_any_measure():
    labels, scores = draw(50)
    low, high = bootstrap_interval(labels, scores, lambda a, b: accuracy(a, b, 0.5))
    assert low <= accuracy(labels, scores, 0.5) <= high


def test_one_class():
    assert all(math.isnan(end) for end in bootstrap_interval([1, 1], [0.2, 0.3]))


def test_wrong_arguments():
    with pytest.raises(ValueError, match="`num_resamples` > 0, got 0"):
        bootstrap_interval([0, 1], [0, 1], num_resamples=0)
