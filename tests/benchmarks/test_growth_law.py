import numpy as np
import pytest

from benchmarks.growth_law import (
    LinearLaw,
    PowerLaw,
    fit_linear_law,
    fit_power_law,
    worst_error,
)

SIZES = (1.0, 2.0, 4.0, 8.0)


def test_laws_are_recovered_from_points_that_follow_them() -> None:
    power = fit_power_law(SIZES, PowerLaw(3.0, 1.5)(SIZES).tolist())
    assert (power.factor, power.exponent) == pytest.approx((3.0, 1.5))
    linear = fit_linear_law(SIZES, LinearLaw(2.0, 0.5)(SIZES).tolist())
    assert (linear.constant, linear.slope) == pytest.approx((2.0, 0.5))


def test_linear_fit_weighs_relative_errors() -> None:
    """The normal equations of the weighted problem, solved on their own."""
    costs = np.array([1.0, 3.0, 4.0, 20.0])
    design = np.stack([np.ones(4), SIZES], axis=1) / costs[:, None]
    expected = np.linalg.lstsq(design, np.ones(4), rcond=None)[0]
    law = fit_linear_law(SIZES, costs.tolist())
    assert (law.constant, law.slope) == pytest.approx(tuple(expected))


def test_worst_error_is_relative() -> None:
    assert worst_error(LinearLaw(0.0, 1.0), (1.0, 2.0), (2.0, 2.5)) == pytest.approx(0.5)
