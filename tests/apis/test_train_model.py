"""What needs no run; training itself is tested in tests/integration."""

from types import SimpleNamespace

import pytest
from mmengine.config import Config
from torch import nn

from macbdf_mm.apis.command_line import load_config
from macbdf_mm.apis.train_model import (
    check_initial_weights,
    name_apart,
    rank_line,
    train_model,
)
from macbdf_mm.apis.weight_digest import weight_digest
from macbdf_mm.errors import ConfigError, MissingDataError
from macbdf_mm.utils.files import folder_lock


@pytest.mark.parametrize("key", ["model", "train_dataloader", "train_cfg", "optim_wrapper"])
def test_config_that_cannot_train(key):
    keys = ("model", "train_dataloader", "train_cfg", "optim_wrapper")
    cfg = Config({name: {} for name in keys if name != key})
    with pytest.raises(ConfigError, match=f"has no `{key}`, so it cannot train"):
        train_model(cfg)


def test_line_of_a_rank():
    model = nn.Linear(2, 1)
    assert rank_line(model) == f"rank 0: weights sha256 {weight_digest(model)}"


def test_data_folders_are_told_apart_by_their_order():
    def of(folder):
        return SimpleNamespace(name_prefix="", data_prefix={"file": folder})

    datasets = [of("a"), of("b"), of("./a"), SimpleNamespace()]
    name_apart(datasets)
    assert [dataset.name_prefix for dataset in datasets[:3]] == ["", "1:", ""]


def test_two_runs_do_not_share_a_folder(tmp_path, monkeypatch):
    keys = ("model", "train_dataloader", "train_cfg", "optim_wrapper")
    monkeypatch.setattr("macbdf_mm.apis.train_model.refuse_leaks", lambda cfg: None)
    monkeypatch.setattr("macbdf_mm.apis.train_model.leave_cores_to_workers", lambda number: None)
    cfg = Config({key: {} for key in keys} | {"work_dir": str(tmp_path)})
    cfg.train_dataloader = {"dataset": {}}
    cfg.optim_wrapper = {"constructor": "Mine"}
    with folder_lock(tmp_path, ""), pytest.raises(ConfigError, match="Another run writes into"):
        train_model(cfg)


def test_weights_to_begin_from_that_are_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = load_config("macbdf_dfdc_videomae").model
    said = (
        r"`model\.video_backbone\.encoder` begins from the weights 'weights/vit-small.*fetch them "
        r".*--cfg-options model\.video_backbone\.encoder\.init_cfg\.checkpoint=FILE"
    )
    with pytest.raises(MissingDataError, match=said):
        train_model(load_config("macbdf_dfdc_videomae"))
    file = tmp_path / model.video_backbone.encoder.init_cfg.checkpoint
    file.parent.mkdir()
    file.touch()
    check_initial_weights(model)
    file.unlink()
    model.video_backbone.encoder.init_cfg = None
    check_initial_weights(model)


def test_weights_of_a_part_in_a_list_are_named_and_addresses_are_not_looked_at():
    start = {"init_cfg": {"type": "Pretrained", "checkpoint": "gone.pth"}}
    with pytest.raises(MissingDataError, match=r"`model\.parts\.1\.head` begins from"):
        check_initial_weights({"parts": [{}, {"head": start}]})
    start["init_cfg"]["checkpoint"] = "https://somewhere/gone.pth"
    check_initial_weights({"parts": [{}, {"head": start}]})
