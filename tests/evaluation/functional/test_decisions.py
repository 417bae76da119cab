import numpy as np
import pytest
from sklearn import metrics

from macbdf_mm.evaluation.functional.decisions import (
    weighted_accuracy,
    weighted_balanced_accuracy,
)
from macbdf_mm.evaluation.functional.weighted_clips import RankedClips, WeightedClips

MEASURES = {
    weighted_accuracy: metrics.accuracy_score,
    weighted_balanced_accuracy: metrics.balanced_accuracy_score,
}


@pytest.mark.parametrize("threshold", [-1.0, 0.0, 0.3, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("measure", MEASURES)
def test_weighted_equals_scikit_learn(measure, threshold):
    generator = np.random.default_rng(0)
    labels, scores = generator.integers(0, 2, 50), generator.integers(0, 11, 50) / 10
    counts = generator.integers(0, 4, (4, 50))
    clips = WeightedClips(RankedClips.of(labels, scores, np.arange(50), 50), counts)
    for value, weights in zip(measure(clips, threshold), counts, strict=True):
        expected = MEASURES[measure](labels, scores >= threshold, sample_weight=weights)
        assert value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("measure", MEASURES)
def test_without_a_threshold_nothing_is_decided(measure):
    clips = WeightedClips.unweighted([0, 1], [0.2, 0.8])
    assert np.isnan(measure(clips, np.nan)).all()


def test_one_class_and_none():
    one, none = WeightedClips.unweighted([1], [0.8]), WeightedClips.unweighted([], [])
    assert weighted_accuracy(one, 0.5)[0] == 1
    assert np.isnan(weighted_balanced_accuracy(one, 0.5)[0])
    assert np.isnan(weighted_accuracy(none, 0.5)[0])
