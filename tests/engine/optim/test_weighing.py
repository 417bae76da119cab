"""OM-Pareto's peers against what their papers say of two gradients."""

import math
import sys

import numpy as np
import pytest
import torch

from macbdf_mm.engine.optim.om_pareto import solve
from macbdf_mm.engine.optim.weighing import (
    METHODS,
    TORCHJD_METHODS,
    make_weighing,
    mmpareto_weights,
    torchjd_weights,
)
from macbdf_mm.errors import ConfigError


def test_om_pareto_is_the_solver_with_its_settings():
    settings = {"lambda_0": 2.0, "kappa": 3.0, "descent_guard": "clamp", "dead_zone": 0.4}
    assert make_weighing("om_pareto", **settings)(1.0, 3.0, -2.0) == solve(
        1.0, 3.0, -2.0, **settings
    )
    for name in settings:
        others = {key: value for key, value in settings.items() if key != name}
        assert solve(1.0, 3.0, -2.0, **settings) != solve(1.0, 3.0, -2.0, **others)
    normalised = make_weighing(normalised=True)(1.0, 3.0, -2.0)
    assert normalised == solve(1.0, 3.0, -2.0, normalised=True) != solve(1.0, 3.0, -2.0)


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
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_rounding_does_not_take_the_cosine_out_of_its_range(method, sign):
    assert make_weighing(method)(3.0, 1.0, sign * 3.0000001).cos == sign


def test_a_tiny_gradient_without_a_conflict_is_no_stationary_point():
    """MGDA follows the tiny one alone."""
    assert not make_weighing("mgda")(1.0, 1e-9, 0.5e-9).is_stationary


@pytest.mark.parametrize("method", ["mgda", "mmpareto"])
def test_the_share_of_a_peer_is_that_of_the_shortest_combination(method):
    """|a m + (1 - a) u|^2 is least at (|u|^2 - m.u) / (|m|^2 + |u|^2 - 2 m.u)."""
    found = make_weighing(method)(1.0, 2.0, -1.0)
    assert found.alpha_m == pytest.approx(5 / 7, rel=1e-2)


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


def vectors(norm_m, norm_u, cos):
    g_m = norm_m * np.array([1.0, 0.0])
    return g_m, norm_u * np.array([cos, math.sqrt(1 - cos * cos)])


@pytest.mark.parametrize("gamma", [1.0, 1.5])
@pytest.mark.parametrize(("norm_m", "norm_u"), [(1.0, 1.0), (0.1, 3.0), (20.0, 0.5)])
@pytest.mark.parametrize("cos", [-0.99, -0.6, -0.1])
def test_a_conflict_takes_the_min_norm_direction_at_the_length_of_the_sum(
    norm_m, norm_u, cos, gamma
):
    g_m, g_u = vectors(norm_m, norm_u, cos)
    grid = np.linspace(0, 1, 200_001)[:, None]
    mixed = grid * g_m + (1 - grid) * g_u
    shortest = mixed[np.linalg.norm(mixed, axis=1).argmin()]
    expected = gamma * np.linalg.norm(g_m + g_u) * shortest / np.linalg.norm(shortest)
    weight_m, weight_u = mmpareto_weights(norm_m, norm_u, cos, gamma)
    # The grid's steps turn the shortest vector by about their share of it.
    found = weight_m * g_m + weight_u * g_u
    assert np.linalg.norm(found - expected) <= 2e-3 * np.linalg.norm(expected)


@pytest.mark.parametrize("cos", [0.0, 0.4, 1.0])
def test_without_a_conflict_it_is_the_stretched_sum(cos):
    assert mmpareto_weights(1.0, 5.0, cos, gamma=1.5) == (1.5, 1.5)


def test_opposite_gradients_of_one_length_give_no_step():
    assert mmpareto_weights(2.0, 2.0, -1.0) == (0.0, 0.0)


def random_cases(seed=0, num=100):
    rng = np.random.default_rng(seed)
    for _ in range(num):
        norm_m, norm_u = 10.0 ** rng.uniform(-3, 3, size=2)
        yield norm_m, norm_u, math.cos(rng.uniform(0.05, math.pi - 0.05))


def test_mgda_is_twice_the_shortest_convex_combination():
    """On a fine grid; doubled, so that equal gradients give their sum."""
    grid = np.linspace(0, 1, 20_001)
    for norm_m, norm_u, cos in random_cases():
        weight_m, weight_u = torchjd_weights("mgda")(norm_m, norm_u, cos)
        assert weight_m + weight_u == pytest.approx(2.0)

        def length(alpha, m=norm_m, u=norm_u, c=cos):
            x, y = alpha * m, (1 - alpha) * u
            return x * x + y * y + 2 * c * x * y

        assert length(weight_m / 2) <= length(grid).min() * (1 + 1e-3) + 1e-12


@pytest.mark.parametrize("method", ["pcgrad", "upgrad"])
def test_projection_removes_from_each_gradient_what_opposes_the_other(method):
    """g_m - (g_m.g_u / |g_u|^2) g_u, the other way round, and their sum."""
    # UPGrad adds 1e-4 to the diagonal of the Gram matrix of the directions.
    tolerance = 1e-9 if method == "pcgrad" else 5e-3
    for norm_m, norm_u, cos in random_cases():
        weight_m, weight_u = torchjd_weights(method)(norm_m, norm_u, cos)
        g_m = norm_m * np.array([1.0, 0.0])
        g_u = norm_u * np.array([cos, math.sqrt(1 - cos * cos)])
        expected = g_m + g_u
        if cos < 0:
            dot = g_m @ g_u
            expected = expected - dot / (g_u @ g_u) * g_u - dot / (g_m @ g_m) * g_m
        found = weight_m * g_m + weight_u * g_u
        assert np.linalg.norm(found - expected) <= tolerance * np.linalg.norm(expected)


@pytest.mark.parametrize("method", TORCHJD_METHODS)
def test_equal_gradients_give_the_plain_step(method):
    for norm in (1e-6, 1.0, 1e6):
        # Of equal gradients any weights of this sum are the same step.
        assert sum(torchjd_weights(method)(norm, norm, 1.0)) == pytest.approx(2.0, rel=1e-3)


@pytest.mark.parametrize("method", TORCHJD_METHODS)
def test_the_models_random_stream_is_not_touched(method):
    torch.manual_seed(0)
    state = torch.get_rng_state()
    torchjd_weights(method)(1.0, 2.0, -0.5)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("method", TORCHJD_METHODS)
def test_without_torchjd_one_sentence_says_what_to_install(method, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchjd.aggregation", None)
    with pytest.raises(ConfigError, match=rf"`method='{method}'` needs .*macbdf_mm\[peers\]"):
        torchjd_weights(method)


def test_without_the_solver_of_upgrad_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "quadprog", None)
    monkeypatch.setitem(sys.modules, "qpsolvers", None)
    with pytest.raises(ConfigError, match=r"`method='upgrad'` needs"):
        torchjd_weights("upgrad")
