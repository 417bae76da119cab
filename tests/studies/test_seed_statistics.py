import math

import numpy as np
import pytest
from scipy import stats

from studies.seed_statistics import (
    known,
    mean_and_std,
    paired_differences,
    seeds_needed,
    t_interval,
)


def test_mean_and_deviation_agree_with_numpy():
    values = [0.81, 0.79, 0.86, 0.90]
    assert mean_and_std(values) == pytest.approx((np.mean(values), np.std(values, ddof=1)))


def test_what_is_not_known_does_not_count():
    assert known([0.5, None, math.nan, 0.7]) == [0.5, 0.7]
    assert mean_and_std([0.5, None, math.nan, 0.7])[0] == pytest.approx(0.6)


def test_one_value_has_no_deviation_and_none_no_mean():
    assert math.isnan(mean_and_std([0.5])[1])
    assert math.isnan(mean_and_std([])[0])


def test_differences_are_paired_by_seed():
    # By hand: 0.80-0.85 = -0.05, 0.70-0.72 = -0.02, 0.90-0.86 = +0.04; seed 3 has no partner.
    values = {0: 0.80, 1: 0.70, 2: 0.90, 3: 0.10}
    reference = {2: 0.86, 0: 0.85, 1: 0.72, 4: 0.99}
    assert paired_differences(values, reference) == pytest.approx([-0.05, -0.02, 0.04])


def test_pairs_without_a_value_are_left_out():
    assert paired_differences({0: None, 1: 0.5, 2: math.nan}, {0: 0.1, 1: 0.25, 2: 0.1}) == [0.25]


def test_the_interval_is_that_of_scipy_s_paired_test():
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(0.8, 0.02, 10), rng.normal(0.79, 0.02, 10)
    expected = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
    assert t_interval(list(ours - theirs)) == pytest.approx((expected.low, expected.high))


def test_one_difference_has_no_interval():
    assert np.isnan(t_interval([0.1])).all()
    assert np.isnan(t_interval([])).all()


def test_with_the_seeds_needed_four_of_five_tests_see_the_difference():
    number = seeds_needed(std=0.02, difference=0.02)
    rng = np.random.default_rng(0)
    draws = rng.normal(0.02, 0.02, (4000, number))
    share = (stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05).mean()
    fewer = (stats.ttest_1samp(draws[:, :-1], 0, axis=1).pvalue < 0.05).mean()
    # The standard error of a share of 4000 is 0.006.
    assert share > 0.79
    assert fewer < 0.81 < share + 0.05


def test_seeds_needed_at_the_ends():
    assert seeds_needed(0.0, 0.01) == 2
    assert seeds_needed(math.nan, 0.01) is None
    assert seeds_needed(10.0, 0.01) is None
    assert seeds_needed(0.02, 0.01) > seeds_needed(0.02, 0.02) > 2
