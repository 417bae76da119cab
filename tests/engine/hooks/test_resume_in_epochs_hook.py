"""The state that a resumed run goes on with; whole runs are in test_resume_otherwise.py."""

import copy
import logging
from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import LinearLR, MultiStepLR, OptimWrapper, ReduceOnPlateauLR
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from macbdf_mm.engine.hooks.resume_in_epochs_hook import BATCHES_PER_EPOCH, ResumeInEpochsHook

OLD, NEW = 4, 6


def make_runner(length, schedule=True, loop=EpochBasedTrainLoop, is_resuming=True):
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedulers = []
    if schedule:
        schedulers = [
            LinearLR(optimizer, start_factor=0.1, begin=0, end=3 * length, by_epoch=False),
            MultiStepLR(optimizer, milestones=[1], gamma=0.5, by_epoch=True),
        ]
    return SimpleNamespace(
        train_loop=loop.__new__(loop),
        train_dataloader=range(length),
        optim_wrapper=OptimWrapper(optimizer),
        param_schedulers=schedulers,
        logger=logging.getLogger("resume"),
        _resume=is_resuming,
    )


def train(runner, num_epochs):
    """Step the schedulers as ParamSchedulerHook does."""
    by_iter, by_epoch = runner.param_schedulers
    for _ in range(num_epochs):
        for _ in runner.train_dataloader:
            by_iter.step()
        by_epoch.step()


def checkpoint_of(runner, epoch):
    checkpoint = {
        "meta": {"epoch": epoch, "iter": epoch * len(runner.train_dataloader)},
        "param_schedulers": [dict(each.state_dict()) for each in runner.param_schedulers],
        "optimizer": copy.deepcopy(runner.optim_wrapper.state_dict()),
    }
    ResumeInEpochsHook().before_save_checkpoint(runner, checkpoint)
    return checkpoint


@pytest.mark.filterwarnings("ignore:Detected call of")
@pytest.mark.parametrize("is_noted", [True, False])
def test_the_state_becomes_that_of_a_run_of_the_new_length(caplog, is_noted):
    old, whole = make_runner(OLD), make_runner(NEW)
    train(old, 2)
    train(whole, 2)
    checkpoint, expected = checkpoint_of(old, 2), checkpoint_of(whole, 2)
    assert checkpoint["meta"][BATCHES_PER_EPOCH] == OLD
    if not is_noted:  # As in checkpoints of earlier versions.
        del checkpoint["meta"][BATCHES_PER_EPOCH]
    ResumeInEpochsHook().after_load_checkpoint(make_runner(NEW), checkpoint)
    assert checkpoint["meta"]["iter"] == 2 * NEW
    assert checkpoint["param_schedulers"] == expected["param_schedulers"]
    assert checkpoint["optimizer"]["param_groups"] == expected["optimizer"]["param_groups"]
    assert "saved with 4 batches an epoch, and now an epoch has 6" in caplog.text


@pytest.mark.filterwarnings("ignore:Detected call of")
@pytest.mark.parametrize(
    "options",
    [
        dict(length=OLD),
        dict(length=NEW, is_resuming=False),
        dict(length=NEW, loop=IterBasedTrainLoop),
    ],
)
def test_nothing_changes_otherwise(caplog, options):
    runner = make_runner(OLD)
    train(runner, 2)
    checkpoint = checkpoint_of(runner, 2)
    before = copy.deepcopy(checkpoint)
    ResumeInEpochsHook().after_load_checkpoint(make_runner(**options), checkpoint)
    assert checkpoint == before
    assert caplog.text == ""


def test_a_loop_of_iterations_notes_no_length():
    runner = make_runner(OLD, loop=IterBasedTrainLoop)
    assert BATCHES_PER_EPOCH not in checkpoint_of(runner, 1)["meta"]


def test_a_schedule_that_goes_by_measurements_is_kept_as_it_was():
    runner = make_runner(NEW, schedule=False)
    runner.param_schedulers = [
        ReduceOnPlateauLR(runner.optim_wrapper.optimizer, monitor="overall/auc")
    ]
    state = {"best": 0.7, "num_bad_epochs": 1}
    checkpoint = {
        "meta": {"epoch": 2, "iter": 2 * OLD, BATCHES_PER_EPOCH: OLD},
        "param_schedulers": [state],
        "optimizer": {"param_groups": [{"lr": 0.25}]},
    }
    ResumeInEpochsHook().after_load_checkpoint(runner, checkpoint)
    assert checkpoint["param_schedulers"] == [{"best": 0.7, "num_bad_epochs": 1}]
    assert checkpoint["optimizer"]["param_groups"] == [{"lr": 0.25}]
    assert checkpoint["meta"]["iter"] == 2 * NEW
