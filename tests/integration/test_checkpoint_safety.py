"""Checkpoints load safely, outlive a killed process, and refuse another model."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from macbdf_mm.apis.load_model import load_checkpoint
from macbdf_mm.apis.train_model import train_model
from macbdf_mm.engine.run_options import set_resume
from macbdf_mm.errors import CheckpointMismatchError, MissingDataError

TOY_CONFIG = Path(__file__).parent / "toy" / "toy_config.py"
TOOL = Path(__file__).parents[2] / "tools" / "train.py"
SIGKILLED = -9


def run_train(work_dir, *arguments, **variables):
    return subprocess.run(
        [sys.executable, TOOL, TOY_CONFIG, "--work-dir", work_dir, *arguments],
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(TOY_CONFIG.parent),
            **{key: str(value) for key, value in variables.items()},
        },
        capture_output=True,
        text=True,
    )


def test_every_checkpoint_loads_under_weights_only(toy_cfg, tmp_path):
    train_model(toy_cfg())
    paths = sorted((tmp_path / "run").glob("*.pth"))
    assert [path.name for path in paths][-2:] == ["epoch_2.pth", "epoch_3.pth"]
    assert len(paths) == 3, "two epochs are kept, and the best"
    for path in paths:
        checkpoint = torch.load(path, weights_only=True)
        assert checkpoint["message_hub"]["log_scalars"] == {}
        assert checkpoint["meta"]["training_data"] == {"dataset": "toy", "synthetic": True}


def test_epoch_checkpoint_holds_the_thresholds_of_its_own_validation(toy_cfg, tmp_path):
    model = train_model(toy_cfg(train_cfg__max_epochs=1))
    saved = load_checkpoint(tmp_path / "run" / "epoch_1.pth")["state_dict"]
    assert saved["is_threshold_fitted"]
    assert torch.equal(saved["decision_threshold"], model.decision_threshold)
    assert not torch.equal(saved["decision_threshold"], torch.full((3,), 0.5))


@pytest.fixture(scope="module")
def digest_of_whole_run(tmp_path_factory):
    """Of a run that nothing disturbs, made as the killed ones are."""
    done = run_train(tmp_path_factory.mktemp("whole"))
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()[-1]


@pytest.mark.slow  # two processes for each case
@pytest.mark.parametrize(
    ("variable", "value", "last"),
    [
        # Four iterations an epoch: in the middle of the third epoch.
        ("TOY_KILL_AT_ITERATION", 10, "epoch_2.pth"),
        # In the middle of writing the n-th file. An epoch writes its checkpoint and the note
        # of it, the best one if it is better, and both again after validation.
        ("TOY_KILL_AT_SYNC", 3, "epoch_1.pth"),
        ("TOY_KILL_AT_SYNC", 4, "epoch_1.pth"),
        ("TOY_KILL_AT_SYNC", 6, "epoch_1.pth"),
    ],
)
def test_killed_run_is_resumed_to_the_same_weights(
    tmp_path, digest_of_whole_run, variable, value, last
):
    # One checkpoint is kept: the worst case, since the old one goes for the new one.
    options = ("--cfg-options", "default_hooks.checkpoint.max_keep_ckpts=1")
    killed = run_train(tmp_path, *options, **{variable: value})
    assert killed.returncode == SIGKILLED, killed.stderr[-2000:]
    noted = Path((tmp_path / "last_checkpoint").read_text())
    assert noted.name == last
    load_checkpoint(noted)

    resumed = run_train(tmp_path, *options, "--resume")
    assert resumed.returncode == 0, resumed.stderr[-2000:]
    assert resumed.stdout.split()[-1] == digest_of_whole_run
    # The lock of the folder stays: to delete it would let two runs hold one each.
    assert [path.name for path in tmp_path.glob(".*")] == [".lock"]


def test_checkpoint_of_another_model_is_refused(toy_cfg, tmp_path):
    train_model(toy_cfg("small", train_cfg__max_epochs=1))
    cfg = toy_cfg("large", model__width=16)
    set_resume(cfg, str(tmp_path / "small" / "epoch_1.pth"))
    with pytest.raises(CheckpointMismatchError, match="3 weights have another shape"):
        train_model(cfg)


def test_start_from_weights_that_fit_nowhere_is_refused(toy_cfg, tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"state_dict": {"backbone.weight": torch.zeros(3)}}, path)
    with pytest.raises(CheckpointMismatchError, match="has no weight of the model"):
        train_model(toy_cfg(load_from=str(path)))


def test_resuming_from_nowhere(toy_cfg, tmp_path):
    with pytest.raises(MissingDataError, match=r"Cannot resume: checkpoint 'gone\.pth'"):
        set_resume(toy_cfg(), "gone.pth")


def test_foreign_checkpoint_needs_explicit_trust(toy_cfg, tmp_path, monkeypatch):
    """One as MMEngine's own hook saves it, which torch refuses since version 2.6."""
    cfg = toy_cfg("plain", train_cfg__max_epochs=1)
    cfg.default_hooks.checkpoint = {"type": "mmengine.CheckpointHook", "interval": 1}
    train_model(cfg)
    path = tmp_path / "plain" / "epoch_1.pth"
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        torch.load(path, weights_only=True)

    cfg = toy_cfg("next")
    set_resume(cfg, str(path))
    with pytest.raises(CheckpointMismatchError, match="reading it could run code"):
        train_model(cfg)

    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "0")  # restored after the test
    cfg = toy_cfg("trusted")
    set_resume(cfg, str(path))
    train_model(cfg, allow_pickle=True)
    load_checkpoint(tmp_path / "trusted" / "epoch_3.pth")
