"""Resuming with another batch size, and from what cannot be resumed from."""

import json

import pytest
import torch

from macbdf_mm.apis.load_model import load_checkpoint
from macbdf_mm.apis.train_model import train_model
from macbdf_mm.engine.run_options import set_resume
from macbdf_mm.errors import CheckpointMismatchError


def rates(folder):
    """Return the learning rates of all logged lines by epoch."""
    found = {}
    for log in sorted(folder.glob("*/vis_data/scalars.json")):
        for line in map(json.loads, log.read_text().splitlines()):
            if "lr" in line:
                found[line["epoch"], line["iter"]] = line["lr"]
    return found


IN_EPOCHS = {"by_epoch": True, "convert_to_iter_based": True}
SCHEDULE = [
    dict(type="LinearLR", start_factor=0.1, begin=0, end=2, **IN_EPOCHS),
    dict(type="CosineAnnealingLR", T_max=3, begin=2, end=5, **IN_EPOCHS),
    dict(type="MultiStepLR", by_epoch=True, milestones=[1, 4], gamma=0.5),
    dict(type="LinearMomentum", start_factor=0.5, by_epoch=True, end=4),
]


@pytest.mark.parametrize("is_noted", [True, False])
def test_the_schedule_goes_on_in_epochs(toy_cfg, tmp_path, is_noted):
    options = {
        "param_scheduler": SCHEDULE,
        "default_hooks__logger__interval": 1,
        "default_hooks__checkpoint__save_best": None,
        **dict.fromkeys(("val_cfg", "val_dataloader", "val_evaluator")),
    }
    train_model(toy_cfg("parts", train_cfg__max_epochs=3, **options))
    first = tmp_path / "parts" / "epoch_3.pth"
    checkpoint = torch.load(first)
    assert checkpoint["meta"]["batches_per_epoch"] == 4
    if not is_noted:  # As in checkpoints of earlier versions.
        del checkpoint["meta"]["batches_per_epoch"]
        torch.save(checkpoint, first)
    options |= {"train_dataloader__batch_size": 2, "train_cfg__max_epochs": 5}
    cfg = toy_cfg("parts", **options)
    set_resume(cfg, "auto")
    train_model(cfg)
    train_model(toy_cfg("whole", **options))
    whole, parts = (load_checkpoint(tmp_path / run / "epoch_5.pth") for run in ("whole", "parts"))
    assert parts["meta"]["iter"] == whole["meta"]["iter"] == 40
    assert parts["param_schedulers"] == whole["param_schedulers"]
    for one, other in zip(
        *(part["optimizer"]["param_groups"] for part in (parts, whole)), strict=True
    ):
        assert one == other
    expected = rates(tmp_path / "whole")
    seen = {key: rate for key, rate in rates(tmp_path / "parts").items() if key[0] > 3}
    assert len(seen) == 16
    assert all(expected[key] == rate for key, rate in seen.items())


def test_best_checkpoints_hold_weights_only(toy_cfg, tmp_path):
    train_model(toy_cfg("run", train_cfg__max_epochs=1))
    (best,) = (tmp_path / "run").glob("best_*.pth")
    cfg = toy_cfg("run")
    set_resume(cfg, str(best))
    with pytest.raises(CheckpointMismatchError, match="it has no `optimizer`, as the best"):
        train_model(cfg)


def test_another_number_of_schedulers(toy_cfg):
    train_model(toy_cfg("run", train_cfg__max_epochs=1))
    cfg = toy_cfg("run", param_scheduler=SCHEDULE)
    set_resume(cfg, "auto")
    with pytest.raises(CheckpointMismatchError, match=r"state of 2 schedulers, .* names 4"):
        train_model(cfg)
