"""The temperature and its statistics against Eqs. 3-6 computed by hand, its bounds and state.

Mutations of `adaptive_temperature.py` that were tried, each with a test that fails under it:

- gamma and 1 - gamma exchanged, `exp(-bounded)`, tanh without its scale, no tanh, one bound for
  the other, the negative
  change of log tau, the moving average the wrong way round, a gradient without its sign:
  test_steps_equal_the_equations_written_out
- `sum` for `mean` over the forwards: test_state_moves_by_the_mean_of_the_forwards_of_a_step
- similarities not detached: test_no_gradient_goes_back_through_the_similarities
- the buffer instead of its copy: test_backward_works_after_the_state_has_moved
"""

import copy
import math

import numpy as np
import pytest
import scipy.stats
import torch

from macbdf_mm.models.contrastive.adaptive_temperature import (
    AdaptiveTemperature,
    attention_log_weights,
    basis_functions,
    pair_features,
)


def random_batch(num=6):
    return torch.rand(num, num) * 2 - 1, torch.ones(num, num, dtype=torch.bool)


@pytest.fixture
def temperature():
    """Return a temperature whose parameters are all away from their start."""
    module = AdaptiveTemperature()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return module


def run_steps(module, batches, gradients):
    taus = []
    for (similarity, valid), gradient in zip(batches, gradients, strict=True):
        step = module(similarity, valid)
        module.stage(step, torch.tensor(gradient))
        module.advance()
        taus.append(step.tau.item())
    return taus


@pytest.mark.holds("Eq. 4", "Eq. 5", "Eq. 6")
@pytest.mark.parametrize("direction", [1, -1], ids=["up", "down"])
def test_steps_equal_the_equations_written_out(temperature, direction):
    """Follow four steps with plain numbers for the state; the MLPs are called as they are."""
    torch.nn.init.constant_(temperature.beta, 0.4 * direction)
    previous = math.log(0.07)
    change, gradient = 0.0, 0.0
    history = [previous, 0.0, 0.0, 0.0]
    beta = temperature.beta.tolist()
    bound = math.log(0.5 / 0.07) if direction > 0 else math.log(0.07 / 0.05)
    for next_gradient in (-3.0, 0.5, 40.0, -0.1):
        similarity, valid = random_batch()
        step = temperature(similarity, valid)
        compressed = math.copysign(math.log(1 + abs(gradient)), gradient)
        inputs = torch.tensor([*history, change, compressed])
        gamma = 1 / (1 + math.exp(-temperature.momentum(inputs).item()))
        total = sum(b * phi for b, phi in zip(beta, step.basis.tolist(), strict=True))
        tau_new = 0.07 * math.exp(bound * math.tanh(total / bound))
        tau = gamma * math.exp(previous) + (1 - gamma) * tau_new
        # float32 against float64.
        assert step.tau.item() == pytest.approx(tau, rel=1e-5)
        assert step.gamma.item() == pytest.approx(gamma, rel=1e-5)

        temperature.stage(step, torch.tensor(next_gradient))
        temperature.advance()
        observed = [math.log(tau), *step.basis.tolist()]
        history = [0.9 * old + 0.1 * new for old, new in zip(history, observed, strict=True)]
        change, previous, gradient = math.log(tau) - previous, math.log(tau), next_gradient
        assert temperature.tau.item() == pytest.approx(tau, rel=1e-5)
        assert temperature.log_tau_change.item() == pytest.approx(change, abs=1e-5)
        assert temperature.tau_gradient.item() == pytest.approx(gradient)
        assert temperature.history.tolist() == pytest.approx(history, rel=1e-4, abs=1e-6)


def test_starts_at_tau_init_with_gamma_init():
    step = AdaptiveTemperature(tau_init=0.1, gamma_init=0.8)(*random_batch())
    assert step.tau.item() == pytest.approx(0.1)
    assert step.gamma.item() == pytest.approx(0.8)


@pytest.mark.parametrize("beta", [-1e4, -3.0, 3.0, 1e4])
def test_tau_stays_in_its_bounds_and_goes_where_beta_points(beta):
    module = AdaptiveTemperature(gamma_init=0.1)
    torch.nn.init.constant_(module.beta, beta)
    taus = run_steps(module, [random_batch()] * 30, [1e6, -1e6] * 15)
    # Both bounds can be reached; float32 rounds exp(log x).
    assert min(taus) >= 0.05 * (1 - 1e-6)
    assert max(taus) <= 0.5 * (1 + 1e-6)
    if abs(beta) > 100:
        assert taus[-1] == pytest.approx(0.5 if beta > 0 else 0.05, rel=1e-5)
    assert (taus[-1] > 0.07) == (beta > 0)
    assert torch.tensor(0.05) <= module.tau <= 0.5


@pytest.mark.parametrize("towards", [1e-3, -1e-3])
def test_the_bound_has_slope_one_at_the_start_on_either_side(towards):
    """Eq. 4 is exact near tau_0, however near the lower bound is."""
    module = AdaptiveTemperature().double()
    basis = torch.tensor([0.0, 0.0, towards], dtype=torch.float64)
    torch.nn.init.constant_(module.beta, 1.0)
    change = math.log(module._target(basis).item() / 0.07)
    assert change == pytest.approx(towards, rel=1e-5)  # tanh x = x - x^3/3


def test_every_parameter_gets_a_gradient_once_the_state_has_moved(temperature):
    run_steps(temperature, [random_batch()] * 2, [1.0, -2.0])
    temperature(*random_batch()).tau.backward()
    for name, parameter in temperature.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_beta_and_the_last_layer_learn_from_the_first_steps():
    module = AdaptiveTemperature()
    module(*random_batch()).tau.backward()
    assert (module.beta.grad.abs() > 0).all()


def test_no_gradient_goes_back_through_the_similarities(temperature):
    similarity, valid = random_batch()
    similarity.requires_grad_()
    temperature(similarity, valid).tau.backward()
    assert similarity.grad is None


def test_state_moves_by_the_mean_of_the_forwards_of_a_step(temperature):
    batches = [random_batch(), random_batch()]
    steps = [temperature(*batch) for batch in batches]
    assert torch.equal(temperature.tau, torch.tensor(0.07))
    for step, gradient in zip(steps, (1.0, 4.0), strict=True):
        temperature.stage(step, torch.tensor(gradient))
    temperature.advance()
    torch.testing.assert_close(temperature.tau, (steps[0].tau + steps[1].tau).detach() / 2)
    assert temperature.tau_gradient == 2.5


@pytest.mark.parametrize(("tau", "stored"), [(0.001, 0.05), (3.0, 0.5)])
def test_what_is_stored_lies_in_the_bounds(temperature, tau, stored):
    step = temperature(*random_batch())
    temperature.stage(step._replace(tau=torch.tensor(tau)), torch.tensor(1.0))
    temperature.advance()
    assert temperature.tau == torch.tensor(stored)


def test_discarded_forwards_do_not_move_the_state(temperature):
    before = copy.deepcopy(temperature.state_dict())
    temperature.stage(temperature(*random_batch()), torch.tensor(1.0))
    temperature.discard_staged()
    temperature.advance()
    assert_same_state(temperature.state_dict(), before)


@pytest.mark.parametrize("gradient", [math.nan, math.inf])
def test_a_step_that_is_not_finite_leaves_the_state(temperature, gradient):
    before = copy.deepcopy(temperature.state_dict())
    run_steps(temperature, [random_batch()], [gradient])
    assert_same_state(temperature.state_dict(), before)


def test_eval_uses_and_keeps_the_buffer(temperature):
    run_steps(temperature, [random_batch()], [1.0])
    temperature.eval()
    before = copy.deepcopy(temperature.state_dict())
    step = temperature(*random_batch())
    temperature.stage(step, torch.tensor(1.0))
    temperature.advance()
    assert step.tau == before["tau"]
    assert not step.tau.requires_grad
    assert_same_state(temperature.state_dict(), before)


def test_state_dict_round_trip_continues_exactly(temperature):
    batches = [random_batch() for _ in range(6)]
    gradients = [0.5, -2.0, 7.0, 1.0, -1.0, 0.0]
    run_steps(temperature, batches[:3], gradients[:3])
    resumed = AdaptiveTemperature()
    resumed.load_state_dict(copy.deepcopy(temperature.state_dict()))
    expected = run_steps(temperature, batches[3:], gradients[3:])
    assert run_steps(resumed, batches[3:], gradients[3:]) == expected
    assert_same_state(resumed.state_dict(), temperature.state_dict())


def test_backward_works_after_the_state_has_moved(temperature):
    step = temperature(*random_batch())
    temperature.stage(step, torch.tensor(1.0))
    temperature.advance()
    step.tau.backward()
    assert temperature.beta.grad.isfinite().all()


def test_stays_in_float32_under_autocast(temperature):
    similarity, valid = random_batch()
    expected = temperature(similarity, valid).tau
    with torch.autocast("cpu", torch.bfloat16):
        step = temperature(similarity, valid)
    assert torch.equal(step.tau, expected)


@pytest.mark.parametrize("num", [1, 4])
def test_without_a_valid_pair_tau_is_that_of_zero_statistics(temperature, num):
    similarity, valid = random_batch(num)
    step = temperature(similarity, torch.zeros_like(valid))
    assert step.basis.tolist() == [0.0, 0.0, 0.0]
    assert step.tau.item() == pytest.approx(0.07)
    step.tau.backward()
    assert temperature.attention[0].weight.grad.isfinite().all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tau_init": 0.6}, "`tau_min` < `tau_init` < `tau_max`, got 0.05, 0.6, 0.5"),
        ({"tau_min": 0.0}, "Expected 0 < `tau_min`.*got 0.0, 0.07, 0.5"),
        ({"history_momentum": 1.0}, r"`history_momentum` in \[0, 1\), got 1.0"),
        ({"gamma_init": 0.0}, r"`gamma_init` in \(0, 1\), got 0.0"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        AdaptiveTemperature(**arguments)


def assert_same_state(state, expected):
    assert state.keys() == expected.keys()
    for name, value in state.items():
        assert torch.equal(value, expected[name]), name


@pytest.fixture
def batch():
    """Return (5, 5) similarities, a mask with 3 x 4 valid pairs, and scores."""
    similarity = torch.rand(5, 5, dtype=torch.float64) * 2 - 1
    valid = torch.zeros(5, 5, dtype=torch.bool)
    valid[:3, 1:] = True
    return similarity, valid, torch.randn(5, 5, dtype=torch.float64)


@pytest.mark.holds("Eq. 3", "Eq. 4", "statistics of the similarities")
def test_basis_functions_equal_numpy_and_scipy(batch):
    similarity, valid, scores = batch
    s, f = similarity[valid].numpy(), scores[valid].numpy()
    weights = np.exp(f) / np.exp(f).sum()
    expected = [
        np.var(s),
        (weights * np.abs(s - s.mean()) ** 3).sum(),
        scipy.stats.entropy(weights) / math.log(12),
    ]
    np.testing.assert_allclose(basis_functions(*batch), expected, rtol=1e-12)


def test_invalid_pairs_have_no_influence(batch):
    similarity, valid, scores = batch
    expected = basis_functions(similarity, valid, scores)
    similarity[~valid], scores[~valid] = 0.0, 1e3
    assert torch.equal(basis_functions(similarity, valid, scores), expected)


def test_equal_weights_have_entropy_one(batch):
    similarity, valid, scores = batch
    basis = basis_functions(similarity, valid, torch.zeros_like(scores))
    assert basis[2].item() == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("num_pairs", [0, 1])
def test_one_pair_or_none_gives_zeros_and_finite_gradients(num_pairs):
    similarity = torch.full((1, 1), 0.3)
    scores = torch.ones(1, 1, requires_grad=True)
    basis = basis_functions(similarity, torch.full((1, 1), num_pairs == 1), scores)
    basis.sum().backward()
    assert basis.tolist() == [0.0, 0.0, 0.0]
    assert scores.grad.isfinite().all()


def test_attention_weights_sum_to_one_over_valid_pairs(batch):
    _, valid, scores = batch
    weights = attention_log_weights(scores, valid).exp()
    assert weights[valid].sum().item() == pytest.approx(1.0, rel=1e-12)
    assert torch.equal(weights[~valid], torch.zeros(13, dtype=torch.float64))


@pytest.mark.holds("Eq. 3")
def test_pair_features_are_similarity_deviation_and_distance(batch):
    _, valid, _ = batch
    vectors = torch.nn.functional.normalize(torch.randn(2, 5, 8, dtype=torch.float64), dim=2)
    similarity = vectors[0] @ vectors[1].T
    features = pair_features(similarity, valid)
    torch.testing.assert_close(features[..., 0], similarity)
    torch.testing.assert_close(features[..., 1], similarity - similarity[valid].mean())
    torch.testing.assert_close(features[..., 2], torch.cdist(vectors[0], vectors[1]))


def test_rounding_above_one_gives_no_nan():
    features = pair_features(torch.full((1, 1), 1.0 + 1e-6), torch.ones(1, 1, dtype=torch.bool))
    assert features[0, 0, 2] == 0
