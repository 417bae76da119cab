"""What needs no run; training itself is tested in tests/integration."""

import copy
import hashlib
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from torch import nn

from macbdf_mm.apis.train_model import name_apart, rank_line, train_model, weight_digest
from macbdf_mm.errors import ConfigError
from macbdf_mm.utils.files import folder_lock


@pytest.mark.parametrize("key", ["model", "train_dataloader", "train_cfg", "optim_wrapper"])
def test_config_that_cannot_train(key):
    keys = ("model", "train_dataloader", "train_cfg", "optim_wrapper")
    cfg = Config({name: {} for name in keys if name != key})
    with pytest.raises(ConfigError, match=f"has no `{key}`, so it cannot train"):
        train_model(cfg)


def test_line_of_a_rank(model):
    assert rank_line(model) == f"rank 0: weights sha256 {weight_digest(model)}"


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def test_a_copy_has_the_same_digest(model):
    assert weight_digest(copy.deepcopy(model)) == weight_digest(model)
    assert len(weight_digest(model)) == 64


def test_one_bit_changes_it(model):
    before = weight_digest(model)
    with torch.no_grad():
        bits = model[0].weight.view(torch.int32)
        bits[1, 2] ^= 1
    assert weight_digest(model) != before


def test_buffers_count(model):
    before = weight_digest(model)
    model[1].num_batches_tracked += 1
    assert weight_digest(model) != before


def test_layout_in_memory_does_not_count(model):
    before = weight_digest(model)
    model[0].weight.data = model[0].weight.data.T.contiguous().T
    assert not model[0].weight.is_contiguous()
    assert weight_digest(model) == before


def test_types_without_a_numpy_twin():
    assert len(weight_digest(nn.Linear(2, 2).to(torch.bfloat16))) == 64


def test_definition():
    model = nn.Module()
    model.register_buffer("x", torch.tensor([1.0, 2.0]))
    text = b"x torch.float32 (2,)\n" + bytes.fromhex("0000803f00000040")
    assert weight_digest(model) == hashlib.sha256(text).hexdigest()


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
