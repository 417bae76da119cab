import math
import statistics

import pytest

from studies.seed_statistics import paired_spread, spread


def test_spread_agrees_with_the_statistics_module():
    values = [0.81, 0.79, 0.86, 0.90]
    found = spread(values)
    assert found.mean == pytest.approx(statistics.fmean(values))
    assert found.std == pytest.approx(statistics.stdev(values))
    assert (found.low, found.high, found.count) == (0.79, 0.90, 4)


def test_what_is_not_known_does_not_count():
    found = spread([0.5, None, math.nan, 0.7])
    assert (found.mean, found.count) == (pytest.approx(0.6), 2)


def test_one_value_has_no_deviation_and_none_no_mean():
    assert math.isnan(spread([0.5]).std)
    assert math.isnan(spread([]).mean)
    assert str(spread([0.5])) == "0.500"
    assert str(spread([])) == "-"


def test_differences_are_paired_by_seed():
    # By hand: 0.80-0.85 = -0.05, 0.70-0.72 = -0.02, 0.90-0.86 = +0.04; seed 3 has no partner.
    values = {0: 0.80, 1: 0.70, 2: 0.90, 3: 0.10}
    reference = {2: 0.86, 0: 0.85, 1: 0.72, 4: 0.99}
    found = paired_spread(values, reference)
    assert found.mean == pytest.approx(-0.01)
    # Deviations from -0.01: -0.04, -0.01, +0.05; squares 0.0016 + 0.0001 + 0.0025 over 2.
    assert found.std == pytest.approx(math.sqrt(0.0021))
    assert (found.low, found.high) == (pytest.approx(-0.05), pytest.approx(0.04))
    assert found.count == 3


def test_pairs_without_a_value_are_left_out():
    assert paired_spread({0: None, 1: 0.5}, {0: 0.1, 1: 0.25}).count == 1


def test_text_has_deviation_and_range_and_signs_where_wanted():
    assert str(spread([0.8, 0.9])) == "0.850 ± 0.071 (0.800 to 0.900)"
    assert spread([-0.1, 0.2]).format(signed=True) == "+0.050 ± 0.212 (-0.100 to +0.200)"
