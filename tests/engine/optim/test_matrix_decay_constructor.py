import pytest
import torch
from mmengine.optim import build_optim_wrapper
from torch import nn

DECAY, RATE = 0.5, 0.1


class Model(nn.Module):
    """Parameters of every kind that has to be told apart."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.Conv1d(3, 3, 1))
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.bias_of_its_own = nn.Parameter(torch.zeros(3))
        self.place = nn.Parameter(torch.zeros(1, 4, 3))
        self.words = nn.Embedding(5, 3)
        self.frozen = nn.Linear(2, 2).requires_grad_(False)

    def no_weight_decay(self):
        return ["place"]


WEIGHTS = {"first.0.weight", "first.2.weight"}


@pytest.fixture
def model():
    return Model()


def wrapper_of(model, paramwise_cfg=None, **optimizer):
    optimizer = dict(type="AdamW", lr=RATE, weight_decay=DECAY) | optimizer
    return build_optim_wrapper(
        model,
        dict(
            constructor="macbdf_mm.MatrixDecayConstructor",
            optimizer=optimizer,
            paramwise_cfg=paramwise_cfg,
        ),
    )


def settings_of(model, wrapper, key):
    by_id = {id(p): group[key] for group in wrapper.optimizer.param_groups for p in group["params"]}
    return {name: by_id[id(p)] for name, p in model.named_parameters() if id(p) in by_id}


def test_weights_alone_decay_and_frozen_ones_are_left_out(model):
    decays = settings_of(model, wrapper_of(model), "weight_decay")
    assert {name for name, decay in decays.items() if decay == DECAY} == WEIGHTS
    assert set(decays.values()) == {DECAY, 0.0}
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert decays.keys() == trained


def test_names_of_parameters_that_a_module_lacks_are_passed_over(model, monkeypatch):
    """timm's `VisionTransformer` names `dist_token`, which few of them have; and it names a set."""
    monkeypatch.setattr(Model, "no_weight_decay", lambda self: {"place", "dist_token"})
    decays = settings_of(model, wrapper_of(model), "weight_decay")
    assert {name for name, decay in decays.items() if decay == DECAY} == WEIGHTS


def test_a_step_without_gradient_shrinks_weights_alone(model):
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for parameter in model.parameters():
        parameter.data += 1
        parameter.grad = torch.zeros_like(parameter)
    wrapper_of(model).step()
    for name, parameter in model.named_parameters():
        factor = 1 - RATE * DECAY if name in WEIGHTS else 1.0
        torch.testing.assert_close(parameter.data, factor * (before[name] + 1))


def test_equal_settings_make_one_group(model):
    assert len(wrapper_of(model).optimizer.param_groups) == 2
    part = wrapper_of(model, dict(custom_keys={"first": dict(lr_mult=0.1)}))
    # Weights of the part, what else it has, and what is outside of it: no weight.
    assert len(part.optimizer.param_groups) == 3


def test_another_rate_for_a_part_keeps_its_biases_undecayed(model):
    wrapper = wrapper_of(model, dict(custom_keys={"first": dict(lr_mult=0.1)}))
    decays = settings_of(model, wrapper, "weight_decay")
    assert {name for name, decay in decays.items() if decay == DECAY} == WEIGHTS
    rates = settings_of(model, wrapper, "lr")
    assert all((rates[name] < RATE) is name.startswith("first") for name in rates)


def test_a_stated_factor_has_the_last_word(model):
    keys = {"scale": dict(decay_mult=2.0), "first.0": dict(decay_mult=0.0)}
    decays = settings_of(model, wrapper_of(model, dict(custom_keys=keys)), "weight_decay")
    assert decays["scale"] == 2 * DECAY
    assert decays["first.0.weight"] == 0.0
    assert decays["first.2.weight"] == DECAY


def test_an_optimiser_without_decay_is_taken(model):
    wrapper = wrapper_of(model, type="SGD", weight_decay=0.0)
    assert set(settings_of(model, wrapper, "weight_decay").values()) == {0.0}
