"""Each measure of the order against scikit-learn, with ties, whole counts and a missing class."""

from functools import partial

import numpy as np
import pytest
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from sklearn import metrics

from macbdf_mm.evaluation.functional.ranking import (
    weighted_auc,
    weighted_average_precision,
    weighted_eer,
    weighted_tpr_at_fpr,
)
from macbdf_mm.evaluation.functional.weighted_clips import RankedClips, WeightedClips

MEASURES = [weighted_auc, weighted_average_precision, weighted_eer]
TPR = partial(weighted_tpr_at_fpr, max_fpr=0.1)


def draw(seed: int, levels: int, size: int = 60):
    """Labels, scores and five rows of counts, 0 to 3, of clips that are clusters of their own."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(size) % 3 == 0).astype(int)
    scores = (generator.integers(0, levels, size) + labels) / levels
    return labels, scores, generator.integers(0, 4, (5, size))


def weigh(labels, scores, counts):
    ranked = RankedClips.of(labels, scores, np.arange(len(labels)), len(labels))
    return WeightedClips(ranked, counts.astype(float))


def eer_by_root(labels, scores, weights):
    false_rate, true_rate, _ = metrics.roc_curve(labels, scores, sample_weight=weights)
    return brentq(lambda x: 1 - x - interp1d(false_rate, true_rate)(x), 0.0, 1.0)


def tpr_by_loop(labels, scores, weights, max_fpr):
    found = [0.0]
    for threshold in scores:
        called = weights * (scores >= threshold)
        if called[labels == 0].sum() <= max_fpr * weights[labels == 0].sum() + 1e-9:
            found.append(called[labels == 1].sum() / weights[labels == 1].sum())
    return max(found)


@pytest.mark.parametrize("levels", [4, 10**6])
@pytest.mark.parametrize("seed", range(3))
def test_weighted_measures_equal_scikit_learn(seed, levels):
    labels, scores, counts = draw(seed, levels)
    clips = weigh(labels, scores, counts)
    for row, weights in enumerate(counts):
        area = metrics.roc_auc_score(labels, scores, sample_weight=weights)
        precision = metrics.average_precision_score(labels, scores, sample_weight=weights)
        assert weighted_auc(clips)[row] == pytest.approx(area, abs=1e-12)
        assert weighted_average_precision(clips)[row] == pytest.approx(precision, abs=1e-12)
        rate = eer_by_root(labels, scores, weights)
        assert weighted_eer(clips)[row] == pytest.approx(rate, abs=1e-9)


@pytest.mark.parametrize("max_fpr", [0.0, 0.01, 0.05, 0.1, 0.5])
@pytest.mark.parametrize("levels", [4, 10**6])
def test_tpr_at_fpr_equals_a_loop_over_thresholds(levels, max_fpr):
    labels, scores, counts = draw(3, levels)
    values = weighted_tpr_at_fpr(weigh(labels, scores, counts), max_fpr)
    expected = [tpr_by_loop(labels, scores, weights, max_fpr) for weights in counts]
    assert values == pytest.approx(expected, abs=1e-12)


def test_an_allowed_share_is_reached_exactly():
    # One of 100 real clips is 1 %, whatever the product rounds to.
    labels = np.r_[np.zeros(100, int), 1, 1]
    scores = np.r_[np.linspace(0, 0.5, 99), 0.8, 0.9, 0.7]
    clips = WeightedClips.unweighted(labels, scores)
    assert weighted_tpr_at_fpr(clips, 0.01)[0] == 1.0
    assert weighted_tpr_at_fpr(clips, 0.009)[0] == 0.5


@pytest.mark.parametrize("measure", [*MEASURES, TPR])
def test_neither_order_nor_repetition_of_the_clips_counts(measure):
    labels, scores, counts = draw(5, levels=6)
    expected = measure(weigh(labels, scores, counts))
    shuffled = np.random.default_rng(0).permutation(labels.size)
    again = measure(weigh(labels[shuffled], scores[shuffled], counts[:, shuffled]))
    assert again == pytest.approx(expected, abs=1e-12)
    for row, weights in enumerate(counts):
        repeated = WeightedClips.unweighted(np.repeat(labels, weights), np.repeat(scores, weights))
        assert measure(repeated)[0] == pytest.approx(expected[row], abs=1e-12)


@pytest.mark.parametrize("measure", [*MEASURES, TPR])
def test_a_missing_class_is_nan_in_its_row_alone(measure):
    labels, scores = np.array([0, 0, 1]), np.array([0.1, 0.3, 0.7])
    counts = np.array([[1, 1, 1], [2, 0, 0], [0, 0, 3], [0, 0, 0]])
    assert np.isnan(measure(weigh(labels, scores, counts))).tolist() == [False, True, True, True]


def test_infinite_scores_are_ranked():
    clips = WeightedClips.unweighted([0, 1, 1], [-np.inf, np.inf, 3.0])
    assert weighted_auc(clips)[0] == 1.0


@pytest.mark.parametrize("max_fpr", [-0.1, 1.0, np.nan])
def test_a_share_out_of_range(max_fpr):
    with pytest.raises(ValueError, match=r"`max_fpr` in \[0, 1\)"):
        weighted_tpr_at_fpr(WeightedClips.unweighted([0, 1], [0, 1]), max_fpr)
