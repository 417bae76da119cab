import math

import numpy as np
import pytest

from macbdf_mm.engine.optim.mmpareto import mmpareto_weights


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
