import pytest
import torch
from mmengine.model import BaseModel

from macbdf_mm.engine.optim import objective_recorder
from macbdf_mm.engine.optim.objective_recorder import ObjectiveRecorder
from macbdf_mm.errors import ConfigError


class DoublingModel(BaseModel):
    """A model whose own ``parse_losses`` doubles what it adds up."""

    def forward(self, inputs, data_samples=None, mode="tensor"):
        if mode == "loss":
            return {"loss_all": inputs * 1.0, "loss_frame": [inputs * 2.0, inputs * 3.0]}
        return inputs

    def parse_losses(self, losses):
        total, log_vars = super().parse_losses(losses)
        return 2 * total, log_vars


@pytest.fixture
def model():
    return DoublingModel()


def test_objectives_are_added_up_by_the_models_own_function(model):
    recorder = ObjectiveRecorder("loss_frame")
    with recorder.recording(model):
        model(torch.tensor(10.0), mode="loss")
    assert [float(each) for each in recorder.take()] == [20.0, 100.0]


def test_other_modes_and_calls_outside_are_not_recorded(model):
    recorder = ObjectiveRecorder(["loss_frame"])
    with recorder.recording(model):
        model(torch.tensor(1.0), mode="tensor")
    model(torch.tensor(1.0), mode="loss")
    with pytest.raises(ConfigError, match=r"found no losses: .* once before each `update_params`"):
        recorder.take()


def test_losses_are_handed_out_once(model):
    recorder = ObjectiveRecorder(["loss_frame"])
    with recorder.recording(model):
        model(torch.tensor(1.0), mode="loss")
    recorder.take()
    with pytest.raises(ConfigError, match="found no losses"):
        recorder.take()


def test_the_hook_goes_even_when_the_forward_pass_fails(model):
    with pytest.raises(TypeError), ObjectiveRecorder("loss_frame").recording(model):
        model(mode="loss")
    assert not model._forward_hooks


def test_a_pattern_without_a_loss_is_told_once(model, monkeypatch):
    told = []
    monkeypatch.setattr(objective_recorder, "print_log", lambda message, **_: told.append(message))
    recorder = ObjectiveRecorder(["loss_frame", "loss_intra_*"])
    for _ in range(2):
        with recorder.recording(model):
            model(torch.tensor(1.0), mode="loss")
        recorder.take()
    assert told == ["`unimodal_losses`: 'loss_intra_*' matches none of the model's losses."]
