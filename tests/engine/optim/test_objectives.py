import math

import pytest
import torch
from mmengine.model import BaseModel

from macbdf_mm.engine.optim import objectives
from macbdf_mm.engine.optim.objectives import (
    ObjectiveRecorder,
    check_gradient,
    check_objectives,
    group_losses,
    objective_values,
)
from macbdf_mm.errors import ConfigError, NonFiniteObjectiveError


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
    monkeypatch.setattr(objectives, "print_log", lambda message, **_: told.append(message))
    recorder = ObjectiveRecorder(["loss_frame", "loss_intra_*"])
    for _ in range(2):
        with recorder.recording(model):
            model(torch.tensor(1.0), mode="loss")
        recorder.take()
    assert told == ["`unimodal_losses`: 'loss_intra_*' matches none of the model's losses."]


LOSSES = {"loss_overall": 1, "loss_frame_video": 2, "loss_frame_audio": [3, 4], "accuracy": 5}


def test_losses_are_split_by_pattern_and_other_values_left_out():
    groups = group_losses(LOSSES, ["loss_frame_*"])
    assert groups.unimodal == {"loss_frame_video": 2, "loss_frame_audio": [3, 4]}
    assert groups.multimodal == {"loss_overall": 1}
    assert groups.unmatched_patterns == []


def test_several_patterns_and_full_names():
    groups = group_losses(LOSSES, ["loss_frame_video", "*_audio", "loss_intra_*"])
    assert set(groups.unimodal) == {"loss_frame_video", "loss_frame_audio"}
    assert groups.unmatched_patterns == ["loss_intra_*"]


def test_case_counts():
    with pytest.raises(ConfigError, match="No loss of the model matches"):
        group_losses(LOSSES, ["LOSS_FRAME_*"])


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        ({"loss_overall": 1}, r"No loss .* \['loss_frame_\*'\].* it returned loss_overall\.$"),
        ({"accuracy": 1}, r"No loss .* it returned none\.$"),
        ({"loss_frame_video": 1}, r"Every loss .* no multimodal objective: it returned loss_frame"),
    ],
)
def test_an_objective_without_a_loss_is_named(losses, message):
    with pytest.raises(ConfigError, match=message):
        group_losses(losses, ["loss_frame_*"])


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
    # Nearly cancelled: what rounding leaves is a share of the objectives, not of their sum.
    check_objectives([100.0, -99.9, 0.2], last_iteration=1, must_be_finite=True)


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


def test_a_loss_that_the_total_leaves_out_is_noticed_where_it_is_small():
    with pytest.raises(ConfigError, match="do not add up"):
        check_objectives([1.0, 2.0, 3.2], last_iteration=1, must_be_finite=True)


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
