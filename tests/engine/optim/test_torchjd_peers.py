"""Peers against what their papers say of two gradients."""

import math
import sys

import numpy as np
import pytest
import torch

from macbdf_mm.engine.optim.torchjd_peers import TORCHJD_METHODS, torchjd_weights
from macbdf_mm.errors import ConfigError


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
