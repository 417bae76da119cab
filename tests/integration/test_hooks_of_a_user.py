"""Hooks of a user are added to those of the project."""

import pytest
import torch

from macbdf_mm.apis.load_model import load_checkpoint
from macbdf_mm.apis.train_model import train_model
from macbdf_mm.errors import ConfigError


def test_own_hooks_leave_ours(toy_cfg, tmp_path):
    """Without the hook for thresholds they would stay at one half, with no word said."""
    hooks = [{"type": "EMAHook", "momentum": 0.1}]
    train_model(toy_cfg("run", custom_hooks=hooks, train_cfg__max_epochs=1))
    weights = load_checkpoint(tmp_path / "run" / "epoch_1.pth")["state_dict"]
    assert bool(weights["is_threshold_fitted"])
    assert not torch.equal(weights["decision_threshold"], torch.full((3,), 0.5))


def test_a_hook_of_ours_that_is_repeated(toy_cfg):
    with pytest.raises(ConfigError, match="ContrastiveStateHook is there more than once"):
        train_model(toy_cfg(custom_hooks=[{"type": "ContrastiveStateHook"}]))


@pytest.mark.parametrize("name", ["om_pareto_log", "sync_buffers", "timer"])
def test_none_removes_a_hook(toy_cfg, name):
    train_model(toy_cfg(train_cfg__max_epochs=1, **{f"default_hooks__{name}": None}))
