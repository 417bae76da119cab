import json
import math

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binom

from macbdf_mm.evaluation.functional.uncertain_band import (
    UncertainBand,
    clopper_pearson_upper,
    fit_uncertain_band,
)


def draw(size: int, seed: int = 0, spread: float = 2.0):
    """Labels and calibrated scores."""
    generator = np.random.default_rng(seed)
    scores = expit(generator.normal(0, spread, size))
    return (generator.random(size) < scores).astype(int), scores


@pytest.mark.parametrize(("errors", "clips"), [(0, 59), (3, 100), (17, 40)])
def test_the_bound_is_where_so_few_errors_become_unlikely(errors, clips):
    bound = float(clopper_pearson_upper(errors, clips, 0.95))
    assert binom.cdf(errors, clips, bound) == pytest.approx(0.05)


def test_bound_at_the_ends():
    assert clopper_pearson_upper([0, 3], [0, 3], 0.95).tolist() == [1, 1]
    assert clopper_pearson_upper(0, 59, 0.95) == pytest.approx(0.05, abs=0.001)


def test_outside_the_band_the_bound_holds_on_the_clips_of_the_fit():
    labels, scores = draw(2000)
    band = fit_uncertain_band(labels, scores, 0.5, max_error=0.1)
    assert 0 < band.low < 0.5 < band.high < 1
    assert band.low + band.high == pytest.approx(1)  # symmetric around 0.5
    verdicts = np.array([band.verdict(score) for score in scores])
    decided = verdicts != "uncertain"
    wrong = (verdicts == "fake") != (labels == 1)
    assert (band.num_decided, band.num_clips) == (decided.sum(), 2000)
    assert band.num_errors == (wrong & decided).sum()
    assert band.num_errors / band.num_decided < band.error_bound <= 0.1


def test_it_is_narrow():
    # One more clip decided wrongly, at the next certainty, would break the bound.
    labels, scores = draw(20000)
    band = fit_uncertain_band(labels, scores, 0.5, max_error=0.1)
    logits = np.abs(np.log(scores / (1 - scores)))
    rates = [((scores >= 0.5) != labels)[logits >= reach].mean() for reach in (0.5, 1.0, 1.5)]
    reach = math.log(band.high / (1 - band.high))
    assert np.interp(0.1, rates[::-1], [1.5, 1.0, 0.5]) == pytest.approx(reach, abs=0.15)


def test_other_clips_keep_the_promise_as_often_as_promised():
    # At a score s outside of a symmetric band, the error rate is min(s, 1 - s).
    _, many = draw(50000, seed=999)
    broken = 0
    for seed in range(200):
        band = fit_uncertain_band(*draw(400, seed), 0.5, max_error=0.1)
        outside = (many < band.low) | (many > band.high)
        rate = np.minimum(many, 1 - many)[outside].mean() if outside.any() else 0.0
        broken += rate > 0.1
    # 5 % are allowed; 200 fits have a standard error of 1.5 %.
    assert broken / 200 <= 0.09


def test_a_good_detector_needs_no_band():
    labels = np.arange(400) % 2
    band = fit_uncertain_band(labels, 0.2 + 0.6 * labels, 0.4)
    assert band.low == band.high == 0.4
    assert [band.verdict(score) for score in (0.39, 0.4, 0.9)] == ["real", "fake", "fake"]
    assert band.num_decided == 400


@pytest.mark.parametrize("size", [0, 1, 20, 600])
def test_where_no_bound_can_be_reached_everything_is_uncertain(size):
    generator = np.random.default_rng(0)
    band = fit_uncertain_band(generator.integers(0, 2, size), generator.random(size), 0.5)
    assert (band.low, band.high, band.num_decided) == (0, 1, 0)
    assert math.isnan(band.error_bound)
    assert {band.verdict(score) for score in (0.0, 0.5, 1.0)} == {"uncertain"}


def test_the_band_lies_around_the_threshold():
    labels, scores = draw(5000)
    band = fit_uncertain_band(labels, scores, 0.7, max_error=0.15)
    assert band.low < 0.7 < band.high
    center = math.log(0.7 / 0.3)
    reach = [abs(math.log(end / (1 - end)) - center) for end in (band.low, band.high)]
    assert reach[0] == pytest.approx(reach[1])


def test_plain_values():
    for size in (10, 2000):
        band = fit_uncertain_band(*draw(size), 0.5, max_error=0.1)
        again = UncertainBand.from_json(json.loads(json.dumps(band.to_json())))
        assert again == band or math.isnan(band.error_bound)
        assert again.to_json() == band.to_json()


def test_what_is_refused():
    with pytest.raises(ValueError, match="Expected a `score`, got NaN"):
        fit_uncertain_band(*draw(10), 0.5).verdict(math.nan)
    for name in ("threshold", "max_error", "confidence"):
        with pytest.raises(ValueError, match=rf"`{name}` inside \(0, 1\), got 1"):
            fit_uncertain_band(*draw(10), **({"threshold": 0.5} | {name: 1}))
