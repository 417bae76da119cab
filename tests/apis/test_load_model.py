import fractions
import io
import math
import pickle
import zipfile

import pytest
import torch
from mmengine.config import Config
from torch import nn

from macbdf_mm.apis.load_model import (
    build_model,
    check_device,
    load_checkpoint,
    load_weights,
    trained_on_synthetic,
)
from macbdf_mm.errors import CheckpointMismatchError, ConfigError, MissingDataError
from macbdf_mm.models.necks.contrastive_fusion_neck import ContrastiveFusionNeck


def test_a_plain_checkpoint_is_read(tmp_path, write_checkpoint):
    weights = {"weight": torch.arange(3.0)}
    checkpoint = load_checkpoint(write_checkpoint(tmp_path / "a.pth", weights))
    torch.testing.assert_close(checkpoint["state_dict"], weights)
    assert checkpoint["meta"]["epoch"] == 1


def test_a_file_that_could_run_code_needs_the_flag(tmp_path):
    path = tmp_path / "pickled.pth"
    torch.save({"state_dict": {}, "extra": fractions.Fraction(1, 3)}, path)
    with pytest.raises(CheckpointMismatchError, match=r"pickled\.pth.* --allow-pickle"):
        load_checkpoint(path)
    assert load_checkpoint(path, allow_pickle=True)["extra"] == fractions.Fraction(1, 3)


def zipped(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a checkpoint",
        b"root:x:0:0:root:/root:/bin/bash\n",
        b"PK\x03\x04 cut short",
        zipped(readme="a zip of something else"),
        pickle.dumps({"state_dict": 1})[:-2],
        pickle.dumps([1, 2])[:-1],
        bytes(range(256)) * 40,
    ],
)
def test_another_file_is_refused(tmp_path, content):
    path = tmp_path / "noise.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointMismatchError, match=r"noise\.pth' is not a checkpoint"):
        load_checkpoint(path)


def test_a_truncated_checkpoint_is_refused(tmp_path, write_checkpoint):
    path = write_checkpoint(tmp_path / "a.pth", {"weight": torch.zeros(5000)})
    path.write_bytes(path.read_bytes()[:10_000])
    with pytest.raises(CheckpointMismatchError, match="may be cut short"):
        load_checkpoint(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingDataError, match=r"Checkpoint '.*none\.pth' does not exist"):
        load_checkpoint(tmp_path / "none.pth")


def test_folders_and_addresses_are_no_checkpoints(tmp_path):
    with pytest.raises(MissingDataError, match="is a folder, and no release; name a file"):
        load_checkpoint(tmp_path)
    with pytest.raises(MissingDataError, match=r"'http://a/b\.pth' is an address; download it"):
        load_checkpoint("http://a/b.pth")


def test_bare_weights_are_refused(tmp_path):
    torch.save({"weight": torch.zeros(1)}, tmp_path / "bare.pth")
    with pytest.raises(CheckpointMismatchError, match="has no `state_dict`"):
        load_checkpoint(tmp_path / "bare.pth")


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_weights_that_are_no_numbers_are_not_blamed_on_a_file(bad):
    weights = nn.Linear(3, 2).state_dict()
    weights["weight"][1, 2] = bad
    with pytest.raises(CheckpointMismatchError, match=r"'a\.pth' has values .*such as weight\)"):
        load_weights(nn.Linear(3, 2), weights, "a.pth")


def test_weights_that_are_no_tensors_are_refused():
    weights = {"weight": [1.0], "bias": torch.zeros(2)}
    with pytest.raises(CheckpointMismatchError, match="1 weights have another shape"):
        load_weights(nn.Linear(3, 2), weights, "a.pth")


def test_weights_that_fit_are_copied():
    model, other = nn.Linear(3, 2), nn.Linear(3, 2)
    load_weights(model, other.state_dict(), "a.pth")
    torch.testing.assert_close(model.state_dict(), other.state_dict())


@pytest.mark.parametrize(
    ("weights", "problem"),
    [
        ({"weight": torch.zeros(2, 3)}, r"1 weights of the model are missing \(such as bias\)"),
        (nn.Linear(4, 2).state_dict(), r"1 weights have another shape \(such as weight\)"),
        (
            {**nn.Linear(3, 2).state_dict(), "scale": torch.zeros(1)},
            r"1 weights are unknown to it \(such as scale\)",
        ),
    ],
)
def test_weights_of_another_model_are_refused_and_change_nothing(weights, problem):
    model = nn.Linear(3, 2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(CheckpointMismatchError, match=rf"'a\.pth' belongs to another.*{problem}"):
        load_weights(model, weights, "a.pth")
    torch.testing.assert_close(model.state_dict(), before)


def test_weights_of_an_earlier_version_are_refused_without_a_list_of_names():
    """The fusion once had one mean over all tokens, and nothing for a missing track."""

    def neck(readout):
        small = dict(num_heads=2)
        return ContrastiveFusionNeck(
            12, 12, 1, weights=small, fusion=dict(readout=readout, **small)
        )

    with pytest.raises(CheckpointMismatchError, match="an earlier version of macbdf_mm") as caught:
        load_weights(neck("per_modality"), neck("all_tokens").state_dict(), "old.pth")
    assert "2 weights of the model are missing (such as fusion.missing_" in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused_and_named(value):
    model = nn.Linear(2, 1)
    weights = {"weight": torch.tensor([[1.0, value]]), "bias": torch.zeros(1)}
    with pytest.raises(CheckpointMismatchError, match=r"in 1 of 2 weights \(such as weight\)"):
        load_weights(model, weights, "w.pth")
    assert model.weight.isfinite().all()


def test_the_model_of_a_config_is_built_for_evaluation(run_dir):
    model = build_model(Config.fromfile(str(run_dir / "macbdf_demo.py")))
    assert type(model).__name__ == "MACBDF"
    assert not model.training


def test_a_config_without_a_model_is_refused():
    with pytest.raises(ConfigError, match="has no `model`"):
        build_model(Config({"default_scope": "macbdf_mm"}))


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ({"training_data": {"dataset": "demo", "synthetic": True}}, True),
        ({"training_data": {"dataset": "dfdc"}}, False),
        ({"training_data": {}}, None),
        ({}, None),
        ({"training_data": "dfdc"}, None),
        (["no dict"], None),
        (None, None),
    ],
)
def test_what_a_checkpoint_says_of_its_training_data(meta, expected):
    assert trained_on_synthetic({"meta": meta}) is expected


def test_the_cpu_is_there():
    check_device("cpu")


@pytest.mark.parametrize("device", ["cuda:77", "no such device", "meta"])
def test_a_device_that_is_not_there_is_named(device):
    with pytest.raises(ConfigError, match=f"Device '{device}' cannot be used"):
        check_device(device)
