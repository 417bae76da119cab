"""The hook in real training loops of MMEngine, with a neck that notes its calls.

Mutations of the hook that were tried, each of which fails a test here: advancing in every
iteration, or never; no `discard_staged` after a skipped update; no fit after an epoch; no note
forgotten after it was acted upon.
"""

import os

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from torch import nn
from torch.optim import SGD

from macbdf_mm.engine.hooks import ContrastiveStateHook
from macbdf_mm.errors import ConfigError


class NotingNeck(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.calls = []
        self.queue_length = 2

    def advance(self):
        self.calls.append("advance")

    def discard_staged(self):
        self.calls.append("discard")

    def fit_clusters(self, seed):
        self.calls.append(f"fit {seed}")
        return False


class Model(BaseModel):
    def __init__(self):
        super().__init__()
        self.neck = NotingNeck()

    def forward(self, inputs, mode="loss"):
        self.neck.calls.append("forward")
        return {"loss": (inputs * self.neck.weight).mean()}


class SkippingSGD(OptimWrapper):
    """Leaves out every second update, as a gradient scaler does after an overflow."""

    def update_params(self, loss, **kwargs):
        self.backward(loss)
        self.num_updates = getattr(self, "num_updates", 0) + 1
        if self.num_updates % 2:
            self.optimizer.step()
        self.optimizer.zero_grad()


def train(
    tmp_path, optim_wrapper, num_epochs=1, num_batches=4, model=None, train_cfg=None, **arguments
):
    model = Model() if model is None else model
    runner = Runner(
        model=model,
        work_dir=str(tmp_path),
        train_dataloader=dict(
            batch_size=1,
            dataset=[torch.ones(1)] * num_batches,
            sampler=dict(type="DefaultSampler", shuffle=False),
        ),
        train_cfg=train_cfg or dict(by_epoch=True, max_epochs=num_epochs),
        optim_wrapper=optim_wrapper(model),
        custom_hooks=[ContrastiveStateHook(**arguments)],
        default_hooks=dict(checkpoint=None, logger=None),
        experiment_name=f"{tmp_path.name}{os.getpid()}",
        randomness=dict(seed=7),
        log_level="WARNING",
    )
    runner.train()
    return model.neck.calls


def test_each_step_advances_and_each_epoch_fits(tmp_path):
    calls = train(tmp_path, lambda m: OptimWrapper(SGD(m.parameters(), 0.1)), 2, 2)
    assert calls == ["forward", "advance", "forward", "advance", "fit 7"] * 2


def test_accumulated_forwards_wait_for_their_step(tmp_path):
    def wrapper(model):
        return OptimWrapper(SGD(model.parameters(), 0.1), accumulative_counts=3)

    calls = train(tmp_path, wrapper)
    # The last batch is a step of its own: MMEngine does not leave gradients behind.
    assert calls == [*["forward"] * 3, "advance", "forward", "advance", "fit 7"]


def test_a_loop_that_counts_iterations_fits_after_as_many_as_an_epoch_has(tmp_path):
    calls = train(
        tmp_path,
        lambda m: OptimWrapper(SGD(m.parameters(), 0.1)),
        num_batches=2,
        train_cfg=dict(by_epoch=False, max_iters=4),
    )
    assert calls[:5] == ["forward", "advance", "forward", "advance", "fit 7"]
    assert calls.count("fit 7") == 3  # twice in the loop, and at its end


def test_queues_longer_than_the_data_are_warned_of(tmp_path, capfd):
    train(tmp_path, lambda m: OptimWrapper(SGD(m.parameters(), 0.1)), num_batches=1)
    assert "2 slots for 1 training clips" in "".join(capfd.readouterr())
    train(tmp_path / "as_many", lambda m: OptimWrapper(SGD(m.parameters(), 0.1)), num_batches=2)
    assert "slots for" not in "".join(capfd.readouterr())


def test_after_training_nobody_listens_to_the_optimiser(tmp_path):
    model = Model()
    optimizer = SGD(model.parameters(), 0.1)
    train(tmp_path, lambda _: OptimWrapper(optimizer), model=model)
    assert not optimizer._optimizer_step_post_hooks


def test_a_skipped_update_is_forgotten(tmp_path):
    calls = train(tmp_path, lambda m: SkippingSGD(SGD(m.parameters(), 0.1)))
    assert calls == [*["forward", "advance", "forward", "discard"] * 2, "fit 7"]


def test_a_gradient_scaler_that_met_inf_discards(tmp_path):
    """With torch's own scaler on the CPU: the first of two steps overflows."""

    class Scaled(OptimWrapper):
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0)

        def update_params(self, loss, **kwargs):
            self.backward(self.scaler.scale(loss))
            if self._inner_count == 1:
                self.optimizer.param_groups[0]["params"][0].grad.fill_(torch.inf)
            self.scaler.step(self.optimizer)
            self.scaler.update()
            self.optimizer.zero_grad()

    calls = train(tmp_path, lambda m: Scaled(SGD(m.parameters(), 0.1)), num_batches=2)
    assert calls == ["forward", "discard", "forward", "advance", "fit 7"]


def test_a_model_without_such_a_neck_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"needs a part `other` with queues.*Model has none"):
        train(tmp_path, lambda m: OptimWrapper(SGD(m.parameters(), 0.1)), neck="other")


def test_a_model_without_queues_is_left_alone(tmp_path):
    class Plain(Model):
        def __init__(self):
            super().__init__()
            self.neck = nn.Linear(1, 1)
            self.neck.calls = []

    model = Plain()
    assert (
        train(tmp_path, lambda m: OptimWrapper(SGD(m.parameters(), 0.1)), model=model)
        == ["forward"] * 4
    )


def test_several_optimisers_are_refused(tmp_path):
    class Twofold(Model):
        def train_step(self, data, optim_wrapper):
            raise AssertionError("never reached")

    def wrappers(model):
        return OptimWrapperDict(neck=OptimWrapper(SGD(model.parameters(), 0.1)))

    with pytest.raises(ConfigError, match=r"single optimiser to listen to.*OptimWrapperDict"):
        train(tmp_path, wrappers, model=Twofold())
