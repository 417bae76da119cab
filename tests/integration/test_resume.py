"""A resumed run ends with the weights of an uninterrupted one, bit for bit."""

import pytest
import torch

from macbdf_mm.apis.load_model import load_checkpoint
from macbdf_mm.apis.train_model import train_model
from macbdf_mm.apis.weight_digest import weight_digest
from macbdf_mm.engine.run_options import set_resume


def run_in_two_parts(toy_cfg, work_dir="parts", **options):
    train_model(toy_cfg(work_dir, train_cfg__max_epochs=1, **options))
    cfg = toy_cfg(work_dir, train_cfg__max_epochs=3, **options)
    set_resume(cfg, "auto")
    assert cfg.load_from.endswith("epoch_1.pth")
    return train_model(cfg)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_resumed_equals_uninterrupted(toy_cfg, tmp_path, num_workers):
    options = {
        "train_dataloader__num_workers": num_workers,
        "train_dataloader__persistent_workers": num_workers > 0,
    }
    whole = train_model(toy_cfg("whole", **options))
    parts = run_in_two_parts(toy_cfg, **options)
    assert weight_digest(parts) == weight_digest(whole)
    whole, parts = (load_checkpoint(tmp_path / run / "epoch_3.pth") for run in ("whole", "parts"))
    torch.testing.assert_close(parts["optimizer"], whole["optimizer"], rtol=0, atol=0)
    assert parts["param_schedulers"] == whole["param_schedulers"]
    assert (
        parts["message_hub"]["runtime_info"]["best_score"]
        == (whole["message_hub"]["runtime_info"]["best_score"])
    )


def test_number_of_workers_does_not_matter(toy_cfg):
    one_epoch = {"train_cfg__max_epochs": 1, "train_dataloader__persistent_workers": False}
    digests = {
        weight_digest(
            train_model(toy_cfg(f"run{number}", train_dataloader__num_workers=number, **one_epoch))
        )
        for number in (0, 1, 2)
    }
    assert len(digests) == 1


def test_without_the_seed_hook_the_runs_drift_apart(toy_cfg):
    """The reason for the hook: MMEngine alone restores neither dropout nor augmentation."""
    options = {"default_hooks__seed_every_iteration": None}
    whole = train_model(toy_cfg("whole", **options))
    parts = run_in_two_parts(toy_cfg, **options)
    assert weight_digest(parts) != weight_digest(whole)


def test_schedules_without_end_drift_apart(toy_cfg):
    """The reason for `end` in the schedules: MMEngine fills it in from max_epochs."""
    schedule = [{"type": "CosineAnnealingLR", "by_epoch": True, "convert_to_iter_based": True}]
    whole = train_model(toy_cfg("whole", param_scheduler=schedule))
    parts = run_in_two_parts(toy_cfg, param_scheduler=schedule)
    assert weight_digest(parts) != weight_digest(whole)


def test_another_seed_gives_other_weights(toy_cfg):
    first = train_model(toy_cfg("first", train_cfg__max_epochs=1))
    second = train_model(toy_cfg("second", train_cfg__max_epochs=1, randomness__seed=1))
    assert weight_digest(first) != weight_digest(second)


def test_epochs_are_augmented_differently_but_alike_in_every_run(toy_cfg):
    from toy_parts import ToyDataset

    dataset = ToyDataset()
    first = dataset[3]["inputs"].clone()
    dataset.set_epoch(1)
    assert not torch.equal(dataset[3]["inputs"], first)
    dataset.set_epoch(0)
    assert torch.equal(dataset[3]["inputs"], first)
