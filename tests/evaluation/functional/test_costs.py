import math

import numpy as np
import pytest

from macbdf_mm.evaluation.functional.costs import (
    ASVSPOOF5,
    DetectionCost,
    weighted_act_dcf,
    weighted_cllr,
    weighted_min_dcf,
)
from macbdf_mm.evaluation.functional.weighted_clips import RankedClips, WeightedClips

EQUAL = DetectionCost(fake_prior=0.5, miss_cost=1.0, false_acceptance_cost=1.0)


def draw(levels: int = 10, size: int = 80):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, size)
    scores = np.clip(generator.integers(1, levels, size) + 2 * labels, 0, levels) / levels
    return labels, scores, generator.integers(0, 3, (4, size)).astype(float)


def weigh(labels, scores, counts):
    ranked = RankedClips.of(labels, scores, np.arange(len(labels)), len(labels))
    return WeightedClips(ranked, counts)


def dcf_by_loop(labels, scores, weights, threshold, prior, miss, false_acceptance):
    """The normalised cost, targets being the real clips."""
    real, fake = labels == 0, labels == 1
    p_miss = weights[real & (scores >= threshold)].sum() / weights[real].sum()
    p_fa = weights[fake & (scores < threshold)].sum() / weights[fake].sum()
    trivial = min(miss * (1 - prior), false_acceptance * prior)
    return (miss * (1 - prior) * p_miss + false_acceptance * prior * p_fa) / trivial


def test_asvspoof_5():
    # The evaluation plan writes it as beta * P_miss + P_fa with beta = 1.9.
    assert ASVSPOOF5.of_real / ASVSPOOF5.of_fake == pytest.approx(1.9)
    assert ASVSPOOF5.bayes_threshold == pytest.approx(math.log(1.9))


@pytest.mark.parametrize("prior_and_costs", [(0.05, 1.0, 10.0), (0.5, 1.0, 1.0), (0.9, 3.0, 1.0)])
def test_costs_equal_a_loop(prior_and_costs):
    labels, scores, counts = draw()
    clips, cost = weigh(labels, scores, counts), DetectionCost(*prior_and_costs)
    odds = prior_and_costs[1] * (1 - prior_and_costs[0]) / (prior_and_costs[2] * prior_and_costs[0])
    for row, weights in enumerate(counts):
        each = [
            dcf_by_loop(labels, scores, weights, threshold, *prior_and_costs)
            for threshold in [*np.unique(scores), np.inf]
        ]
        assert weighted_min_dcf(clips, cost)[row] == pytest.approx(min(each), abs=1e-12)
        for prior in (0.5, 0.8):
            odds_of_scores = odds * prior / (1 - prior)
            threshold = odds_of_scores / (1 + odds_of_scores)
            actual = dcf_by_loop(labels, scores, weights, threshold, *prior_and_costs)
            value = weighted_act_dcf(clips, cost, prior)[row]
            assert value == pytest.approx(actual, abs=1e-12)


def test_the_direction_of_misses():
    # A fake below all real clips: to accept it is cheaper than to reject real clips, and dearer
    # where false acceptances cost more.
    clips = WeightedClips.unweighted([0, 0, 1, 1], [0.4, 0.5, 0.9, 0.1])
    assert weighted_min_dcf(clips, DetectionCost(0.5, 10.0, 1.0))[0] == pytest.approx(0.5)
    assert weighted_min_dcf(clips, DetectionCost(0.5, 1.0, 10.0))[0] == pytest.approx(1.0)


def test_worthless_and_perfect_detectors():
    worthless = WeightedClips.unweighted([0, 1], [0.5, 0.5])
    perfect = WeightedClips.unweighted([0, 1], [0.0, 1.0])
    assert weighted_min_dcf(worthless)[0] == 1
    assert weighted_cllr(worthless)[0] == pytest.approx(1)
    assert weighted_min_dcf(perfect)[0] == 0
    assert weighted_act_dcf(perfect)[0] == 0
    assert weighted_cllr(perfect)[0] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("prior", [0.5, 0.8])
def test_cllr_equals_its_definition(prior):
    labels, scores, counts = draw()
    ratios = np.log(scores.clip(1e-9, 1 - 2**-24) / (1 - scores.clip(1e-9, 1 - 2**-24)))
    ratios -= math.log(prior / (1 - prior))
    for value, weights in zip(
        weighted_cllr(weigh(labels, scores, counts), prior), counts, strict=True
    ):
        sums = [0.0, 0.0]
        for label, ratio, weight in zip(labels, ratios, weights, strict=True):
            loss = math.log2(1 + math.exp(-ratio if label == 1 else ratio))
            sums[label] += weight * loss / weights[labels == label].sum()
        assert value == pytest.approx(sum(sums) / 2, rel=1e-6)


@pytest.mark.parametrize("measure", [weighted_min_dcf, weighted_act_dcf, weighted_cllr])
def test_one_class(measure):
    for labels in ([0, 0], [1, 1], []):
        clips = WeightedClips.unweighted(labels, [0.5] * len(labels))
        assert np.isnan(measure(clips)[0])


@pytest.mark.parametrize("measure", [weighted_act_dcf, weighted_cllr])
def test_raw_scores_and_a_prior_out_of_range(measure):
    with pytest.raises(ValueError, match="got 3 at index 0; calibrate raw scores first"):
        measure(WeightedClips.unweighted([0, 1], [-1.0, 3.0]))
    with pytest.raises(ValueError, match=r"`score_prior` inside \(0, 1\), got 1"):
        measure(WeightedClips.unweighted([0, 1], [0.1, 0.3]), score_prior=1)


def test_settings_out_of_range():
    with pytest.raises(ValueError, match=r"`fake_prior` inside \(0, 1\), got 0"):
        DetectionCost(0, 1, 1)
    with pytest.raises(ValueError, match="> 0, got 1 and 0"):
        DetectionCost(0.5, 1, 0)
