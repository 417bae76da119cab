import math

import pytest

from macbdf_mm.engine.optim.om_pareto import solve
from macbdf_mm.engine.optim.weighing import METHODS, make_weighing


def test_om_pareto_is_the_solver_with_its_settings():
    weigh = make_weighing("om_pareto", lambda_0=2.0, kappa=3.0, descent_guard="clamp")
    expected = solve(1.0, 3.0, -2.0, lambda_0=2.0, kappa=3.0, descent_guard="clamp")
    assert weigh(1.0, 3.0, -2.0) == expected
    assert expected != solve(1.0, 3.0, -2.0)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_descends_the_total_loss_or_stops(method):
    """h . (g_m + g_u) >= 0; OM-Pareto promises it only under its guard."""
    weigh = make_weighing(method, descent_guard="clamp")
    for norm_m, norm_u, cos in [(1, 1, -0.5), (1, 30, -0.9), (50, 2, -0.2), (1, 2, 0.5)]:
        found = weigh(norm_m, norm_u, norm_m * norm_u * cos)
        assert found.weight_m >= 0
        assert found.weight_u >= 0
        assert found.cos == pytest.approx(cos)
        assert found.is_conflict == (cos < 0)
        along = found.weight_m * (norm_m**2 + norm_m * norm_u * cos)
        along += found.weight_u * (norm_u**2 + norm_m * norm_u * cos)
        assert along >= 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bad", [math.inf, math.nan])
@pytest.mark.parametrize("place", range(3))
def test_what_is_not_finite_is_summed_and_so_passed_on(method, bad, place):
    numbers = [1.0, 2.0, -0.5]
    numbers[place] = bad
    found = make_weighing(method)(*numbers)
    assert (found.weight_m, found.weight_u) == (1.0, 1.0)


@pytest.mark.parametrize("method", METHODS)
def test_a_zero_gradient_leaves_the_other(method):
    found = make_weighing(method)(0.0, 2.0, 0.0)
    assert (found.weight_m, found.weight_u, found.cos) == (1.0, 1.0, 0.0)
    assert not found.is_stationary


@pytest.mark.parametrize("method", METHODS)
def test_opposite_gradients_of_one_length_are_stationary(method):
    assert make_weighing(method)(3.0, 3.0, -9.0).is_stationary


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "best"}, r"`method` to be one of .* got 'best'"),
        ({"method": "mmpareto", "mmpareto_gamma": 0.0}, r"`mmpareto_gamma` > 0, got 0\.0"),
        ({"kappa": -1.0}, r"`kappa` > 0, got -1\.0"),
    ],
)
def test_settings_out_of_range_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        make_weighing(**settings)
