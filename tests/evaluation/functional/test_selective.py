import numpy as np
import pytest

from macbdf_mm.evaluation.functional.selective import risk_coverage, weighted_aurc
from macbdf_mm.evaluation.functional.weighted_clips import RankedClips, WeightedClips


def aurc_by_loop(labels, scores, threshold):
    """The mean risk over the clips of all that are at least as certain."""
    logits = [np.log(score / (1 - score)) for score in [*scores, threshold]]
    certainty = np.round(np.abs(np.array(logits[:-1]) - logits[-1]), 9)
    wrong = (scores >= threshold) != (labels == 1)
    return np.mean([wrong[certainty >= own].mean() for own in certainty])


@pytest.mark.parametrize("threshold", [0.5, 0.35, 0.9])
@pytest.mark.parametrize("levels", [9, 10**6])
def test_aurc_equals_a_loop(levels, threshold):
    generator = np.random.default_rng(0)
    labels, scores = generator.integers(0, 2, 40), generator.integers(1, levels, 40) / levels
    counts = generator.integers(0, 3, (3, 40))
    ranked = RankedClips.of(labels, scores, np.arange(40), 40)
    values = weighted_aurc(WeightedClips(ranked, counts.astype(float)), threshold)
    expected = [
        aurc_by_loop(np.repeat(labels, weights), np.repeat(scores, weights), threshold)
        for weights in counts
    ]
    assert values == pytest.approx(expected, abs=1e-12)


def test_curve():
    # Certainty falls with the index; the third decision is wrong.
    curve = risk_coverage([1, 0, 0, 1], [0.99, 0.05, 0.8, 0.6], 0.5)
    np.testing.assert_allclose(curve.coverages, [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(curve.risks, [0, 0, 1 / 3, 1 / 4])


def test_equal_certainty_is_one_point():
    curve = risk_coverage([1, 0, 1, 0], [0.75, 0.75, 0.75, 0.75], 0.5)
    assert curve.coverages.tolist() == [1.0]
    assert curve.risks.tolist() == [0.5]


def test_area_is_the_mean_of_the_curve_without_ties():
    generator = np.random.default_rng(1)
    labels, scores = generator.integers(0, 2, 50), generator.random(50)
    area = weighted_aurc(WeightedClips.unweighted(labels, scores), 0.4)[0]
    assert area == pytest.approx(risk_coverage(labels, scores, 0.4).risks.mean())


def test_certain_mistakes_cost_more():
    early = WeightedClips.unweighted([0, 1, 1, 1], [0.99, 0.9, 0.8, 0.7])
    late = WeightedClips.unweighted([1, 1, 1, 0], [0.99, 0.9, 0.8, 0.7])
    assert weighted_aurc(early, 0.5)[0] > weighted_aurc(late, 0.5)[0] > 0


def test_without_clips_or_threshold():
    assert np.isnan(weighted_aurc(WeightedClips.unweighted([], []), 0.5)[0])
    assert np.isnan(weighted_aurc(WeightedClips.unweighted([1], [0.5]), np.nan)[0])
    assert risk_coverage([], [], 0.5).risks.size == 0


def test_many_levels_are_gathered():
    generator = np.random.default_rng(2)
    labels, scores = generator.integers(0, 2, 4000), generator.random(4000)
    fine = weighted_aurc(WeightedClips.unweighted(labels, scores), 0.5)
    coarse = RankedClips.of(labels, scores, max_levels=256)
    value = weighted_aurc(WeightedClips(coarse, np.ones((1, 1))), 0.5)
    assert value == pytest.approx(fine, abs=2e-3)


def test_raw_scores():
    with pytest.raises(ValueError, match="calibrate raw scores first"):
        risk_coverage([0, 1], [0.5, 3.0], 0.5)
