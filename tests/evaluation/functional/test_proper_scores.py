import math

import numpy as np
import pytest
from sklearn import metrics

from macbdf_mm.evaluation.functional.proper_scores import (
    bin_of,
    weighted_brier,
    weighted_ece,
    weighted_log_loss,
)
from macbdf_mm.evaluation.functional.weighted_clips import RankedClips, WeightedClips


def draw(levels: int = 40, size: int = 90):
    generator = np.random.default_rng(0)
    scores = generator.integers(0, levels + 1, size) / levels
    labels = (generator.random(size) < scores).astype(int)
    return labels, scores, generator.integers(0, 3, (4, size)).astype(float)


def weigh(labels, scores, counts):
    ranked = RankedClips.of(labels, scores, np.arange(len(labels)), len(labels))
    return WeightedClips(ranked, counts)


def test_log_loss_and_brier_equal_scikit_learn():
    labels, scores, counts = draw()
    clips = weigh(labels, scores, counts)
    inside = scores.clip(2**-24, 1 - 2**-24)
    for row, weights in enumerate(counts):
        loss = metrics.log_loss(labels, inside, sample_weight=weights, labels=[0, 1])
        brier = metrics.brier_score_loss(labels, scores, sample_weight=weights)
        assert weighted_log_loss(clips)[row] == pytest.approx(loss, rel=1e-9)
        assert weighted_brier(clips)[row] == pytest.approx(brier, rel=1e-12)


@pytest.mark.parametrize("num_bins", [1, 10, 15])
def test_ece_equals_a_loop_over_bins(num_bins):
    labels, scores, counts = draw()
    values = weighted_ece(weigh(labels, scores, counts), num_bins)
    for value, weights in zip(values, counts, strict=True):
        expected = 0.0
        for index in range(num_bins):
            # Whole numbers: 3 / 10 is the edge of a bin, whatever 0.3 rounds to.
            tops = np.round(scores * 40).astype(int) * num_bins
            inside = (tops >= index * 40) & ((tops < (index + 1) * 40) | (index == num_bins - 1))
            if total := weights[inside].sum():
                mean = (weights * scores)[inside].sum() / total
                share = (weights * labels)[inside].sum() / total
                expected += abs(mean - share) * total / weights.sum()
        assert value == pytest.approx(expected, abs=1e-12)


def test_edges_belong_to_the_bin_above():
    assert bin_of(np.array([0.0, 0.0999, 0.1, 0.5, 1.0]), 10).tolist() == [0, 0, 1, 5, 9]
    assert bin_of(np.arange(16) / 15, 15).tolist() == [*range(15), 14]
    assert bin_of(np.array([0.29]), 100) == 29  # 0.29 * 100 is below 29


def test_known_values():
    clips = WeightedClips.unweighted([1, 1, 0, 0], [0.9, 0.9, 0.1, 0.1])
    assert weighted_ece(clips)[0] == pytest.approx(0.1)
    assert weighted_brier(clips)[0] == pytest.approx(0.01)
    assert weighted_log_loss(clips)[0] == pytest.approx(-math.log(0.9))


MEASURES = [weighted_log_loss, weighted_brier, weighted_ece]


@pytest.mark.parametrize("measure", MEASURES)
def test_one_class_is_enough_and_none_is_not(measure):
    assert measure(WeightedClips.unweighted([1, 1], [0.5, 0.5]))[0] > 0
    assert np.isnan(measure(WeightedClips.unweighted([], []))[0])


def test_a_saturated_mistake_costs_a_finite_loss():
    wrong = WeightedClips.unweighted([0], [1.0])
    assert weighted_log_loss(wrong)[0] == pytest.approx(24 * math.log(2))


@pytest.mark.parametrize("measure", MEASURES)
def test_raw_scores(measure):
    with pytest.raises(ValueError, match="got 3 at index 0; calibrate raw scores first"):
        measure(WeightedClips.unweighted([0, 1], [0.5, 3.0]))


def test_no_bins():
    with pytest.raises(ValueError, match="`num_bins` > 0, got 0"):
        weighted_ece(WeightedClips.unweighted([1], [0.5]), 0)
