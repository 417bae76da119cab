"""The solver against worked numbers, a fine grid, scipy, and projected gradient iterations."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from macbdf_mm.engine.optim.om_pareto import (
    descent_bound,
    minimising_alpha,
    om_pareto,
    solve,
)

# Of all angles; half of them conflict.
NUM_RANDOM_PAIRS = 4_000

# Worked by hand from Eqs. 21-24 in decimal arithmetic; descent_guard = none.
WORKED = [
    # g_m, g_u, lambda_0, kappa, cos, lambda, alpha_m, h
    ([1, 0], [-0.5, 1], 0.5, 1, -0.4472135955, 0.304988268721, 0.540355048682,
     [0.773638333751, 1.14512609996]),
    ([2, 0], [-1, 1], 1, 2, -0.707106781187, 0.804429682507, 0.380826690494,
     [0.410029619226, 1.78185899045]),
    ([1, 2, -1], [-2, 0.5, 1], 0.5, 5, -0.35634832255, 0.427955893302, 0.473947637777,
     [-1.35891329495, 2.84617676502, 0.122468104969]),
    ([1, 0], [-1, 0], 0.5, 5, -1, 0.496653574538, 0.5, [0, 0]),
    ([1, 1], [2, 0], 0.5, 5, 0.707106781187, 0.05, 0.5, [3, 1]),
]  # fmt: skip


def random_pairs(seed, log10_norms=(-8, 8)):
    """Yield (norm_m, norm_u, cos): log-uniform norms, uniform angles, the extremes included."""
    rng = np.random.default_rng(seed)
    for _ in range(NUM_RANDOM_PAIRS):
        norm_m, norm_u = 10.0 ** rng.uniform(*log10_norms, size=2)
        yield norm_m, norm_u, math.cos(rng.uniform(0, math.pi))
    for cos in (-1.0, -1.0 + 1e-12, -1e-12, 0.0, 1.0):
        yield 1.0, 1.0, cos
        yield 1e-8, 1e8, cos


def objective(alpha, norm_m, norm_u, cos, lambda_orth):
    """Eqs. 21-22 before any simplification, scaled by the larger squared norm."""
    scale = max(norm_m, norm_u)
    m, u = norm_m / scale, norm_u / scale
    squared = (alpha * m) ** 2 + ((1 - alpha) * u) ** 2 + 2 * alpha * (1 - alpha) * m * u * cos
    return squared + lambda_orth * alpha * (1 - alpha) * abs(m * u * cos)


@pytest.mark.holds("Eq. 23", "OM-Pareto")
@pytest.mark.parametrize("case", WORKED)
def test_worked_cases(case):
    g_m, g_u, lambda_0, kappa, cos, lambda_orth, alpha_m, h = case
    step = om_pareto(
        torch.tensor(g_m, dtype=torch.float64),
        torch.tensor(g_u, dtype=torch.float64),
        lambda_0=lambda_0,
        kappa=kappa,
    )
    assert step.cos == pytest.approx(cos, rel=1e-10)
    assert step.lambda_orth == pytest.approx(lambda_orth, rel=1e-10)
    assert step.alpha_m == pytest.approx(alpha_m, rel=1e-10)
    np.testing.assert_allclose(step.direction.numpy(), h, rtol=1e-9, atol=1e-12)


def searched_minimum(arguments, grid):
    """Return alpha and the objective there: the best of a grid, refined by scipy around it."""
    values = objective(grid, *arguments)
    best = int(values.argmin())
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    options = {"xatol": 1e-14}
    found = minimize_scalar(
        objective, bounds=(low, high), args=arguments, method="bounded", options=options
    )
    if found.fun < values[best]:
        return float(found.x), float(found.fun)
    return float(grid[best]), float(values[best])


@pytest.mark.holds("Eq. 21", "OM-Pareto")
@pytest.mark.parametrize(("lambda_0", "kappa"), [(0.5, 5.0), (4.0, 2.0)])
def test_alpha_reaches_the_minimum_of_a_fine_grid_and_of_scipy(lambda_0, kappa):
    grid = np.linspace(0, 1, 4001)
    num_conflicts = 0
    for norm_m, norm_u, cos in random_pairs(seed=0):
        if cos >= 0:
            weights = solve(norm_m, norm_u, norm_m * norm_u * cos, lambda_0=lambda_0, kappa=kappa)
            assert (weights.alpha_m, weights.weight_m, weights.weight_u) == (0.5, 1.0, 1.0)
            continue
        num_conflicts += 1
        lambda_orth = lambda_0 / (1 + math.exp(kappa * cos))
        alpha = minimising_alpha(norm_m, norm_u, cos, lambda_orth)
        arguments = (norm_m, norm_u, cos, lambda_orth)
        searched, best = searched_minimum(arguments, grid)
        assert objective(alpha, *arguments) <= best * (1 + 1e-7) + 1e-15
        if not is_concave(*arguments) and 1e-3 < norm_m / norm_u < 1e3:
            # An objective flat to float64's last digits pins alpha to about their root.
            assert alpha == pytest.approx(searched, abs=1e-6)
    assert num_conflicts > NUM_RANDOM_PAIRS * 0.45


def is_concave(norm_m, norm_u, cos, lambda_orth):
    dot = norm_m * norm_u * cos
    return norm_m**2 + norm_u**2 - 2 * dot - lambda_orth * abs(dot) <= 0


def test_alpha_itself_agrees_with_the_search_where_the_norms_are_comparable():
    grid = np.linspace(0, 1, 2001)
    rng = np.random.default_rng(1)
    for _ in range(2_000):
        norm_m, norm_u = 10.0 ** rng.uniform(-1.5, 1.5, size=2)
        cos = -rng.uniform(0.01, 1)
        searched, _ = searched_minimum((norm_m, norm_u, cos, 0.4), grid)
        assert minimising_alpha(norm_m, norm_u, cos, 0.4) == pytest.approx(searched, abs=1e-6)


@pytest.mark.holds("Eq. 21", "Eq. 22")
def test_projected_gradient_iterations_end_at_the_closed_form():
    """Eqs. 21-22 by the paper's own way, from its uniform start; convex and concave objectives."""
    rng = np.random.default_rng(2)
    num_concave = 0
    for _ in range(300):
        m, u = 10.0 ** rng.uniform(-1, 1, size=2)
        cos = -rng.uniform(0.01, 0.99)
        lambda_orth = rng.uniform(0, 3) if rng.random() < 0.7 else rng.uniform(6, 30)
        num_concave += is_concave(m, u, cos, lambda_orth)
        alpha = iterate_projected_gradient(m, u, cos, lambda_orth)
        assert minimising_alpha(m, u, cos, lambda_orth) == pytest.approx(alpha, abs=1e-6)
    assert num_concave > 20


def iterate_projected_gradient(m, u, cos, lambda_orth):
    """Return where projected gradient iterations from 1/2 end."""
    a, b, c = m * m, u * u, m * u * cos
    step_size = 0.2 / (a + b + (2 + lambda_orth) * abs(c))
    alpha = 0.5
    for _ in range(20_000):
        slope = 2 * alpha * a - 2 * (1 - alpha) * b + 2 * (1 - 2 * alpha) * c
        slope += lambda_orth * (1 - 2 * alpha) * abs(c)
        moved = min(1.0, max(0.0, alpha - step_size * slope))
        if abs(moved - alpha) < 1e-14:
            break
        alpha = moved
    return alpha


@pytest.mark.parametrize(("norm_m", "norm_u", "expected"), [(1.0, 1.5, 1.0), (1.5, 1.0, 0.0)])
def test_where_the_objective_is_concave_the_shorter_gradient_is_the_minimum(
    norm_m, norm_u, expected
):
    """A settings study can get there: lambda must be above four."""
    weights = solve(norm_m, norm_u, -0.9 * norm_m * norm_u, lambda_0=8.0)
    arguments = (norm_m, norm_u, -0.9, weights.lambda_orth)
    assert is_concave(*arguments)
    assert weights.alpha_m == expected
    grid = np.linspace(0, 1, 2001)
    assert grid[objective(grid, *arguments).argmin()] == expected


def test_of_two_minima_of_a_concave_objective_none_is_chosen():
    """Both ends are as good, and the iterations stay at their start, where the slope is zero."""
    assert is_concave(1.0, 1.0, -0.9, 8.0)
    assert iterate_projected_gradient(1.0, 1.0, -0.9, 8.0) == 0.5
    assert minimising_alpha(1.0, 1.0, -0.9, 8.0) == 0.5


@pytest.mark.parametrize("factor", [1e-6, 3.0, 1e7])
def test_homogeneity_a_common_loss_scale_passes_through(factor):
    for norm_m, norm_u, cos in random_pairs(seed=3, log10_norms=(-3, 3)):
        dot = norm_m * norm_u * cos
        plain = solve(norm_m, norm_u, dot)
        scaled = solve(factor * norm_m, factor * norm_u, factor**2 * dot)
        assert scaled.weight_m == pytest.approx(plain.weight_m, rel=1e-6, abs=1e-9)
        assert scaled.weight_u == pytest.approx(plain.weight_u, rel=1e-6, abs=1e-9)


def test_exchange_swapping_the_gradients_swaps_the_weights_but_for_the_magnitude():
    """Eq. 24 amplifies by |g_m| / |g_u|, so only the direction is symmetric."""
    for norm_m, norm_u, cos in random_pairs(seed=4, log10_norms=(-3, 3)):
        dot = norm_m * norm_u * cos
        step, swapped = solve(norm_m, norm_u, dot), solve(norm_u, norm_m, dot)
        assert swapped.alpha_m == pytest.approx(1 - step.alpha_m, abs=1e-12)
        assert swapped.lambda_orth == pytest.approx(step.lambda_orth, rel=1e-12)


@pytest.mark.holds("Eq. 24")
def test_magnitude_is_that_of_eq_24():
    generator = torch.Generator().manual_seed(5)
    for _ in range(200):
        g_m, g_u = torch.randn(2, 6, generator=generator, dtype=torch.float64)
        step = om_pareto(g_m, g_u)
        if step.cos >= 0:
            assert torch.equal(step.direction, g_m + g_u)
            continue
        amplification = 1 + abs(step.cos) / (1 + g_m.norm() / g_u.norm())
        expected = float(amplification * (g_m + g_u).norm())
        assert float(step.direction.norm()) == pytest.approx(expected, rel=1e-9)


@pytest.mark.holds("optim_wrapper.descent_guard")
def test_descent_under_the_guard():
    """With ``clamp`` the direction never ascends either objective; without, it can."""
    ascents = 0
    for norm_m, norm_u, cos in random_pairs(seed=6, log10_norms=(-2, 2)):
        if cos >= -1e-9 or cos <= -1 + 1e-9:
            continue
        dot = norm_m * norm_u * cos
        guarded = solve(norm_m, norm_u, dot, lambda_0=3.0, descent_guard="clamp")
        slope_m = guarded.weight_m * norm_m + guarded.weight_u * norm_u * cos
        slope_u = guarded.weight_u * norm_u + guarded.weight_m * norm_m * cos
        length = math.hypot(guarded.weight_m * norm_m, guarded.weight_u * norm_u)
        assert min(slope_m, slope_u) >= -1e-7 * length
        free = solve(norm_m, norm_u, dot, lambda_0=3.0)
        ascents += (free.weight_m * norm_m + free.weight_u * norm_u * cos) < 0
        ascents += (free.weight_u * norm_u + free.weight_m * norm_m * cos) < 0
    assert ascents > 0


def test_the_bound_is_where_the_combination_stops_to_descend():
    for norm_m, norm_u, cos in [(1.0, 3.0, -0.5), (5.0, 1.0, -0.7), (1.0, 40.0, -0.2)]:
        bound = descent_bound(norm_m, norm_u, cos)
        slopes = []
        for lambda_orth in (bound * 0.999, bound, bound * 1.001):
            alpha = minimising_alpha(norm_m, norm_u, cos, lambda_orth)
            m, u = alpha * norm_m, (1 - alpha) * norm_u
            slopes.append(min(m + u * cos, u + m * cos))
        assert slopes[0] > 0 > slopes[2]
        assert slopes[1] == pytest.approx(0, abs=1e-9)


def test_stationarity_opposite_gradients_give_no_step():
    step = om_pareto(torch.tensor([1.0, -2.0]), torch.tensor([-1.0, 2.0]))
    assert step.weights.is_stationary
    assert step.direction.tolist() == [0.0, 0.0]


def test_what_rounding_leaves_of_gradients_that_cancel_is_no_step():
    generator = torch.Generator().manual_seed(8)
    for _ in range(50):
        g = torch.randn(100, generator=generator)
        assert om_pareto(g, -g * (1 + 1e-7)).weights.is_stationary


def test_a_small_gradient_in_conflict_with_a_large_one_does_not_stop_the_encoder():
    for norm_m, norm_u in [(1.0, 1e-6), (1e-6, 1.0)]:
        weights = solve(norm_m, norm_u, -0.5e-6)
        assert not weights.is_stationary
        assert weights.norm_step == pytest.approx(1.0, rel=0.6)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_rounding_does_not_take_the_cosine_out_of_its_range(sign):
    """The dot product and the norms are added up apart."""
    assert solve(3.0, 1.0, sign * 3.0000001).cos == sign


def test_a_zero_gradient_leaves_the_plain_sum():
    g = torch.tensor([3.0, -1.0])
    for pair in [(g, torch.zeros(2)), (torch.zeros(2), g)]:
        step = om_pareto(*pair)
        assert step.direction.tolist() == g.tolist()
        assert not step.weights.is_stationary


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_what_is_not_finite_reaches_the_direction(bad):
    step = om_pareto(torch.tensor([bad, 1.0]), torch.tensor([-1.0, 1.0]))
    assert not torch.isfinite(step.direction).all()


@pytest.mark.parametrize("bad", [math.inf, math.nan])
@pytest.mark.parametrize("place", range(3))
def test_whichever_number_is_not_finite_leaves_the_plain_sum(bad, place):
    """Of NaN and a number, Python's max returns whichever comes first."""
    numbers = [1.0, 2.0, -0.5]
    numbers[place] = bad
    weights = solve(*numbers)
    assert (weights.weight_m, weights.weight_u) == (1.0, 1.0)
    assert math.isnan(weights.cos)
    assert not weights.is_conflict


def test_lambda_without_conflict_is_a_tenth_of_its_base():
    assert solve(1.0, 1.0, 0.5, lambda_0=0.7).lambda_orth == pytest.approx(0.07)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lambda_0": -1.0}, r"`lambda_0` >= 0, got -1\.0"),
        ({"kappa": 0.0}, r"`kappa` > 0, got 0\.0"),
        ({"descent_guard": "both"}, r"`descent_guard` to be one of .* got 'both'"),
    ],
)
def test_settings_out_of_range_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        solve(1.0, 1.0, -0.5, **settings)


def test_gradients_of_different_length_are_named():
    with pytest.raises(ValueError, match=r"equal length, got \(2,\) and \(3,\)"):
        om_pareto(torch.ones(2), torch.ones(3))
