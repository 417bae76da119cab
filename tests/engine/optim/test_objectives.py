import math

import pytest
import torch

from macbdf_mm.engine.optim.objectives import check_gradient, check_objectives, objective_values
from macbdf_mm.errors import ConfigError, NonFiniteObjectiveError


def test_values_are_detached_single_precision():
    loss = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    values = objective_values(loss, 2 * loss, 3 * loss)
    assert values.tolist() == [2.0, 4.0, 6.0]
    assert values.dtype == torch.float32
    assert not values.requires_grad


def test_sums_of_half_precision_pass():
    check_objectives([100.3, 0.2, 100.5], last_iteration=1, must_be_finite=True)
    check_objectives([1.0, 2.0, 3.001] * 3, last_iteration=7, must_be_finite=True)
    check_objectives([0.0, 0.0, 0.0], last_iteration=1, must_be_finite=True)


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize(("place", "name"), [(0, "multimodal"), (1, "unimodal")])
def test_the_objective_and_the_iteration_are_named(bad, place, name):
    values = [1.0, 1.0, 2.0] * 3
    values[3 + place] = bad
    with pytest.raises(
        NonFiniteObjectiveError, match=f"The {name} objective is {bad} at iteration 11:"
    ):
        check_objectives(values, last_iteration=12, must_be_finite=True)
    check_objectives(values, last_iteration=12, must_be_finite=False)


def test_a_total_that_is_no_sum_is_named():
    with pytest.raises(
        ConfigError,
        match=r"multimodal \(1\) and the unimodal \(2\) objective do not add up to the model's "
        r"loss \(4\) at iteration 5: its `parse_losses` must add",
    ):
        check_objectives([1.0, 2.0, 4.0], last_iteration=5, must_be_finite=False)


@pytest.mark.parametrize(("place", "name"), [(0, "multimodal"), (1, "unimodal")])
def test_a_gradient_is_named_with_its_encoder(place, name):
    norms = [1.0, 2.0]
    check_gradient("video", *norms, iteration=4)
    norms[place] = math.inf
    with pytest.raises(
        NonFiniteObjectiveError,
        match=f"gradient of the {name} objective has the norm inf in encoder 'video' at "
        "iteration 4:",
    ):
        check_gradient("video", *norms, iteration=4)
