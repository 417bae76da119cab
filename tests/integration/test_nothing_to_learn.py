"""Runs that would end well without having trained anything are refused."""

import pytest

from macbdf_mm.apis.train_model import train_model
from macbdf_mm.errors import ConfigError


def test_fewer_clips_than_a_batch(toy_cfg):
    cfg = toy_cfg(train_dataloader__batch_size=17, train_dataloader__drop_last=True)
    with pytest.raises(ConfigError, match=r"`batch_size` 17 clips .* got 16 clips; lower"):
        train_model(cfg)


def test_also_with_a_schedule_that_would_not_mind(toy_cfg):
    schedule = [{"type": "MultiStepLR", "by_epoch": True, "milestones": [10]}]
    cfg = toy_cfg(
        train_dataloader__batch_size=17, train_dataloader__drop_last=True, param_scheduler=schedule
    )
    with pytest.raises(ConfigError, match="makes no batch"):
        train_model(cfg)


def test_no_epochs(toy_cfg):
    with pytest.raises(ConfigError, match=r"Expected `train_cfg.max_epochs` > 0, got 0"):
        train_model(toy_cfg(train_cfg__max_epochs=0))


def test_an_infinite_sampler_fills_a_batch_from_fewer_clips(toy_cfg):
    cfg = toy_cfg(
        train_dataloader__batch_size=17,
        train_dataloader__drop_last=True,
        train_dataloader__sampler={"type": "InfiniteSampler"},
        train_cfg={"_delete_": True, "by_epoch": False, "max_iters": 2},
        param_scheduler=None,
        val_cfg=None,
        val_dataloader=None,
        val_evaluator=None,
        default_hooks__checkpoint__save_best=None,
    )
    train_model(cfg)
