"""The solver against worked numbers, a fine grid, scipy, and projected gradient iterations."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from macbdf_mm.engine.optim.om_pareto import (
    blended_share,
    minimising_alpha,
    om_pareto,
    solve,
)

# Of all angles; half of them conflict.
NUM_RANDOM_PAIRS = 4_000
# The paper's rule, with no dead zone.
PAPER = {"dead_zone": 0.0}

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
        **PAPER,
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
        for settings in ({}, PAPER, {"normalised": True}, {"descent_guard": "clamp"}):
            plain = solve(norm_m, norm_u, dot, **settings)
            scaled = solve(factor * norm_m, factor * norm_u, factor**2 * dot, **settings)
            assert scaled.weight_m == pytest.approx(plain.weight_m, rel=1e-6, abs=1e-9)
            assert scaled.weight_u == pytest.approx(plain.weight_u, rel=1e-6, abs=1e-9)


def test_exchange_swapping_the_gradients_swaps_the_weights_but_for_the_magnitude():
    """Eq. 24 amplifies by |g_m| / |g_u|, so only the direction is symmetric."""
    for norm_m, norm_u, cos in random_pairs(seed=4, log10_norms=(-3, 3)):
        dot = norm_m * norm_u * cos
        step, swapped = solve(norm_m, norm_u, dot, **PAPER), solve(norm_u, norm_m, dot, **PAPER)
        assert swapped.alpha_m == pytest.approx(1 - step.alpha_m, abs=1e-12)
        assert swapped.lambda_orth == pytest.approx(step.lambda_orth, rel=1e-12)


@pytest.mark.holds("Eq. 24")
def test_magnitude_is_that_of_eq_24():
    generator = torch.Generator().manual_seed(5)
    for _ in range(200):
        g_m, g_u = torch.randn(2, 6, generator=generator, dtype=torch.float64)
        step = om_pareto(g_m, g_u, **PAPER)
        if step.cos >= 0:
            assert torch.equal(step.direction, g_m + g_u)
            continue
        amplification = 1 + abs(step.cos) / (1 + g_m.norm() / g_u.norm())
        expected = float(amplification * (g_m + g_u).norm())
        assert float(step.direction.norm()) == pytest.approx(expected, rel=1e-9)


def slopes_over_length(weights):
    """Return h . g_m / (|h| |g_m|) and the same for g_u: how far inside h descends."""
    m, u = weights.weight_m * weights.norm_m, weights.weight_u * weights.norm_u
    return (m + u * weights.cos) / weights.norm_step, (u + m * weights.cos) / weights.norm_step


SETTINGS = [
    {"lambda_0": 3.0, **PAPER},
    {"lambda_0": 3.0},
    {"lambda_0": 3.0, "dead_zone": 0.4},
    {"lambda_0": 0.0, **PAPER},
    {"normalised": True},
]


@pytest.mark.holds("optim_wrapper.descent_guard")
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_with_clamp_every_step_descends_for_both(settings):
    """Strictly, whatever the norms and however near to opposite; its length is kept."""
    num_turned = 0
    for norm_m, norm_u, cos in random_pairs(seed=6):
        if not -1 + 1e-9 <= cos < -1e-5:
            continue
        dot = norm_m * norm_u * cos
        free = solve(norm_m, norm_u, dot, **settings)
        guarded = solve(norm_m, norm_u, dot, descent_guard="clamp", **settings)
        # The angle between them leaves (1 + cos) / 2 to the middle direction, to first order.
        least = 0.02 * -cos * math.sqrt(1 + cos)
        assert min(slopes_over_length(guarded)) > least
        if guarded == free:
            continue
        num_turned += 1
        # Near to opposite, both lengths lose digits.
        assert guarded.norm_step == pytest.approx(free.norm_step, rel=1e-5)
        assert min(slopes_over_length(free)) < min(slopes_over_length(guarded))
    assert num_turned > 100 or settings.get("normalised")


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_margin_of_clamp_survives_float32(settings):
    generator = torch.Generator().manual_seed(11)
    for index in range(300):
        g_m, g_u = torch.randn(2, 50, generator=generator)
        away = 10.0 ** -(index % 5)  # Down to nearly opposite.
        g_u = (away * g_u - g_m * g_u.norm() / g_m.norm()) * 10.0 ** (index % 13 - 6)
        if (g_m @ g_u) >= 0:
            continue
        h = om_pareto(g_m, g_u, descent_guard="clamp", **settings).direction
        assert h.dtype == torch.float32
        assert (h @ g_m) > 0
        assert (h @ g_u) > 0


def test_a_case_that_clamping_lambda_left_on_the_edge():
    """g_m . h was zero but for its rounding."""
    g_m, g_u = torch.tensor([3.0, 0.0]), torch.tensor([-0.5, 0.5])
    h = om_pareto(g_m, g_u, 1.0, 5.0, "clamp", **PAPER).direction
    assert (h @ g_m) / (h.norm() * g_m.norm()) > 0.02
    assert (h @ g_u) / (h.norm() * g_u.norm()) > 0.02
    free = om_pareto(g_m, g_u, 1.0, 5.0, "none", **PAPER).direction
    assert (free @ g_m) < 0


def test_clamp_leaves_no_step_between_opposite_gradients():
    assert solve(1.0, 3.0, -3.0, descent_guard="clamp").is_stationary
    assert not solve(1.0, 3.0, -3.0).is_stationary


def test_the_stated_lambda_is_where_the_combination_stops_to_descend():
    """2 (1 - k^2) / (k (r - k)), as the docstring of the guard says."""
    for norm_m, norm_u, k in [(1.0, 3.0, 0.5), (5.0, 1.0, 0.7), (1.0, 40.0, 0.2)]:
        ratio = max(norm_m, norm_u) / min(norm_m, norm_u)
        bound = 2 * (1 - k * k) / (k * (ratio - k))
        slopes = []
        for lambda_orth in (bound * 0.999, bound, bound * 1.001):
            alpha = minimising_alpha(norm_m, norm_u, -k, lambda_orth)
            m, u = alpha * norm_m, (1 - alpha) * norm_u
            slopes.append(min(m - u * k, u - m * k))
        assert slopes[0] > 0 > slopes[2]
        assert slopes[1] == pytest.approx(0, abs=1e-9)


def largest_jump(norm_m, norm_u, settings, num_cosines=20_001):
    """Return the largest change of h between neighbouring cosines, over |g_m + g_u| at 0."""
    steps = []
    for cos in np.linspace(-0.9, 0.5, num_cosines):
        weights = solve(norm_m, norm_u, norm_m * norm_u * cos, **settings)
        u = weights.weight_u * norm_u
        steps.append((weights.weight_m * norm_m + u * cos, u * math.sqrt(1 - cos * cos)))
    changes = np.diff(np.array(steps), axis=0)
    return float(np.hypot(*changes.T).max() / math.hypot(norm_m, norm_u))


@pytest.mark.holds("optim_wrapper.dead_zone")
@pytest.mark.parametrize("ratio", [1e-3, 1 / 9, 1.0, 3.0, 1e3])
@pytest.mark.parametrize("descent_guard", ["none", "clamp"])
@pytest.mark.parametrize("normalised", [False, True])
def test_the_step_is_continuous_in_the_cosine(ratio, descent_guard, normalised):
    """With a dead zone there is no jump, at 0 or elsewhere; halving the grid halves the change."""
    settings = {"descent_guard": descent_guard, "normalised": normalised, "dead_zone": 0.1}
    coarse = largest_jump(ratio, 1.0, settings, 2_001)
    fine = largest_jump(ratio, 1.0, settings, 8_001)
    assert fine < 0.005
    assert fine < 0.3 * coarse


@pytest.mark.holds("optim_wrapper.dead_zone", "optim_wrapper.normalised")
@pytest.mark.parametrize("normalised", [False, True])
def test_the_papers_rule_jumps_at_zero(normalised):
    """At 9 to 1 from (1, 1) to weights of 1/9 and 9, and of 0.71 and 6.4 if normalised."""
    settings = {"dead_zone": 0.0, "normalised": normalised}
    before, after = solve(9.0, 1.0, 0.0, **settings), solve(9.0, 1.0, -1e-9, **settings)
    assert (before.weight_m, before.weight_u) == (1.0, 1.0)
    weights = (math.sqrt(82 / 162), 9 * math.sqrt(82 / 162)) if normalised else (1 / 9, 9.0)
    assert (after.weight_m, after.weight_u) == pytest.approx(weights)
    assert largest_jump(9.0, 1.0, settings, 501) > 0.5


@pytest.mark.holds("optim_wrapper.dead_zone")
@pytest.mark.parametrize("cos", [-1e-12, -0.05, -0.1])
def test_a_small_conflict_leaves_the_plain_sum(cos):
    weights = solve(9.0, 1.0, 9.0 * cos)
    assert (weights.weight_m, weights.weight_u, weights.alpha_m) == (1.0, 1.0, 0.5)
    assert weights.is_conflict
    assert weights.is_in_dead_zone


def test_between_the_edge_and_twice_the_dead_zone_the_weights_are_blended():
    full = solve(9.0, 1.0, 9.0 * -0.15, **PAPER)
    half = solve(9.0, 1.0, 9.0 * -0.15)
    assert half.weight_m == pytest.approx((1 + full.weight_m) / 2)
    assert half.weight_u == pytest.approx((1 + full.weight_u) / 2)
    assert not half.is_in_dead_zone
    assert blended_share(-0.15, 0.1) == pytest.approx(0.5)


@pytest.mark.parametrize("cos", [-0.2, -0.6, -1.0])
def test_beyond_twice_the_dead_zone_it_is_the_papers_rule(cos):
    assert solve(2.0, 1.0, 2.0 * cos) == solve(2.0, 1.0, 2.0 * cos, **PAPER)


def test_a_dead_zone_of_one_is_the_plain_sum():
    weights = solve(2.0, 1.0, -2.0, dead_zone=1.0)
    assert (weights.weight_m, weights.weight_u) == (1.0, 1.0)


@pytest.mark.holds("optim_wrapper.normalised")
def test_normalised_gradients_are_halved_in_angle():
    """Whatever lambda and the norms; the length is Eq. 24's."""
    generator = torch.Generator().manual_seed(12)
    for index in range(100):
        g_m, g_u = torch.randn(2, 6, generator=generator, dtype=torch.float64)
        g_u *= 10.0 ** (index % 9 - 4)
        step = om_pareto(g_m, g_u, lambda_0=float(index % 4), normalised=True, **PAPER)
        if step.cos >= 0:
            assert torch.equal(step.direction, g_m + g_u)
            continue
        middle = g_m / g_m.norm() + g_u / g_u.norm()
        amplification = 1 + abs(step.cos) / (1 + g_m.norm() / g_u.norm())
        expected = middle / middle.norm() * amplification * (g_m + g_u).norm()
        torch.testing.assert_close(step.direction, expected)


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


def test_a_gradient_below_the_resolution_of_the_other_counts_as_zero():
    """It is not stretched to the length of the sum, and does not stop the encoder."""
    for norm_m, norm_u in [(1.0, 1e-8), (1e-8, 1.0)]:
        weights = solve(norm_m, norm_u, -0.9e-8)
        assert (weights.weight_m, weights.weight_u) == (1.0, 1.0)
        assert weights.is_conflict
        assert not weights.is_in_dead_zone


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
        ({"dead_zone": -0.1}, r"`dead_zone` in \[0, 1\], got -0\.1"),
        ({"dead_zone": 1.5}, r"`dead_zone` in \[0, 1\], got 1\.5"),
    ],
)
def test_settings_out_of_range_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        solve(1.0, 1.0, -0.5, **settings)


def test_gradients_of_different_length_are_named():
    with pytest.raises(ValueError, match=r"equal length, got \(2,\) and \(3,\)"):
        om_pareto(torch.ones(2), torch.ones(3))
