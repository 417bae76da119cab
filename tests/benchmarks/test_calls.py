from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from torch import Tensor, nn

from benchmarks import calls as module
from benchmarks.calls import (
    build_training_model,
    forward_call,
    plain_wrapper,
    random_batch,
    training_call,
    training_step,
)
from benchmarks.settings import CPU, Settings
from benchmarks.timing import all_calls
from macbdf_mm.errors import ConfigError


class _Record(torch.autograd.Function):
    """The identity, which notes the gradients that come back."""

    grads: list[Tensor] = []

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> Tensor:
        _Record.grads.append(grad)
        return grad


class Spy(nn.Module):
    """Multiplies by its weight; notes whether gradients were enabled."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.seen: list[bool] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(torch.is_grad_enabled())
        return _Record.apply(x * self.weight)


def test_forward_call_has_no_gradients() -> None:
    spy = Spy()
    forward_call(spy, torch.ones(3), torch.ones(3))()
    assert spy.seen == [False]


def test_training_call_sends_the_given_gradient_back_and_keeps_none() -> None:
    spy, grad = Spy(), torch.tensor([1.0, 2.0, 3.0])
    _Record.grads.clear()
    call = training_call(spy, torch.ones(3), grad)
    all_calls([call, call])()
    assert spy.seen == [True, True]
    assert len(_Record.grads) == 2
    for received in _Record.grads:
        torch.testing.assert_close(received, grad)
    assert spy.weight.grad is None


def test_batch_has_all_pairs_of_labels_and_the_encoders_sizes(tiny_settings: Settings) -> None:
    cfg = Config.fromfile(tiny_settings.config)
    batch = random_batch(cfg, 4, seed=0)
    labels = [(int(s.gt_video_label), int(s.gt_audio_label)) for s in batch["data_samples"]]
    assert sorted(labels) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [int(s.gt_label) for s in batch["data_samples"]] == [max(pair) for pair in labels]
    assert batch["inputs"]["video"][0].shape == (3, 16, 32, 32)
    assert batch["inputs"]["waveform"][0].shape == (64 * 160,)
    again = random_batch(cfg, 4, seed=0)
    torch.testing.assert_close(again["inputs"]["video"], batch["inputs"]["video"])


@pytest.mark.parametrize("is_plain", [True, False])
def test_a_step_trains_the_model(tiny_settings: Settings, is_plain: bool) -> None:
    cfg = Config.fromfile(tiny_settings.config)
    model = build_training_model(cfg, 0, CPU)
    before = {name: value.clone() for name, value in model.named_parameters()}
    wrapper = plain_wrapper(cfg) if is_plain else cfg.optim_wrapper
    training_step(model, wrapper, random_batch(cfg, 2, seed=0))()
    changed = [not torch.equal(value, before[name]) for name, value in model.named_parameters()]
    # Gates that start at zero have no gradient before them in the first step.
    assert sum(changed) > 0.8 * len(changed)


def test_plain_wrapper_keeps_the_optimiser(tiny_settings: Settings) -> None:
    cfg = Config.fromfile(tiny_settings.config)
    wrapper = plain_wrapper(cfg)
    assert wrapper["type"] == "OptimWrapper"
    assert wrapper["optimizer"] == cfg.optim_wrapper.optimizer
    assert "unimodal_losses" not in wrapper


def test_another_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "build_model", lambda cfg: torch.nn.Linear(1, 1))
    with pytest.raises(ConfigError, match=r"'other.py' has a model of type Linear; .*--config"):
        build_training_model(SimpleNamespace(filename="other.py"), 0, CPU)
