import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from macbdf_mm.evaluation.functional.aggregation import AGGREGATIONS, aggregate_windows
from macbdf_mm.evaluation.functional.real_windows import RealWindows

scores = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.3], 0.3),
        ([0.1, 0.9], 0.9),
        ([0.1, 0.2, 0.3, 0.9], 0.9),
        ([0.1, 0.2, 0.3, 0.9, 0.7], 0.8),  # ceil(5 / 4) = 2
        ([0.0] * 7 + [1.0, 0.5], (1.0 + 0.5 + 0.0) / 3),
    ],
)
def test_the_mean_of_the_top_quarter(values, expected):
    assert aggregate_windows(values, "top_quarter_mean") == pytest.approx(expected)


def test_the_default_is_simes_rule_by_the_distribution_of_real_windows():
    real = RealWindows.fit(np.linspace(0.1, 0.6, 100))
    expected = real.file_score(np.array([0.2, 0.9]))
    assert aggregate_windows([0.2, math.nan, 0.9], real_windows=real) == expected
    assert aggregate_windows([0.2, 0.9], "simes") == RealWindows.unfitted().file_score([0.2, 0.9])


def test_max_and_mean():
    assert aggregate_windows([0.2, 0.6, 0.1], "max") == 0.6
    assert aggregate_windows([0.2, 0.6, 0.1], "mean") == pytest.approx(0.3)


@pytest.mark.parametrize("method", AGGREGATIONS)
def test_unseen_windows_are_left_out(method):
    seen = aggregate_windows([0.2, 0.6], method)
    assert aggregate_windows([math.nan, 0.2, math.nan, 0.6], method) == seen
    assert math.isnan(aggregate_windows([math.nan], method))
    assert math.isnan(aggregate_windows([], method))


@pytest.mark.parametrize("method", AGGREGATIONS)
@given(values=scores)
def test_order_does_not_matter_and_bounds_hold(method, values):
    value = aggregate_windows(values, method)
    # A longer file is cut into groups from its start on.
    if method != "simes" or len(values) < 8:
        assert aggregate_windows(values[::-1], method) == pytest.approx(value)
    if method != "simes":
        assert min(values) - 1e-12 <= value <= max(values) + 1e-12
    else:  # Scores beyond 2**-24 from 0 and 1 are cut; two groups of 0.9 are rarer than one.
        assert value <= max(values) + 1e-6


@given(values=scores)
def test_top_quarter_lies_between_mean_and_max(values):
    mean, top, most = (aggregate_windows(values, m) for m in ("mean", "top_quarter_mean", "max"))
    assert mean - 1e-12 <= top <= most + 1e-12


def test_unknown_name():
    with pytest.raises(ValueError, match=r"`method` in \['max', 'mean', .*\], got 'median'"):
        aggregate_windows([0.5], "median")


def test_wrong_shape():
    with pytest.raises(ValueError, match=r"shape \(N,\), got \(2, 3\)"):
        aggregate_windows(np.zeros((2, 3)))
