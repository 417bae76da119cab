import argparse
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.registry import MODELS
from torch.utils.data import DataLoader, Dataset

from macbdf_mm.apis.command_line import (
    ConfigOptions,
    add_config_arguments,
    explain,
    load_config,
    require_mmcv,
    run_command,
)
from macbdf_mm.errors import ConfigError, MissingDataError, UndecodableMediaError
from macbdf_mm.registry import METRICS

BASE = """
model = dict(type='Net', depth=3, head=dict(type='Head', weight=1.0))
train_cfg = dict(by_epoch=True, max_epochs=2)
size = 1
custom_hooks = [dict(type='A', size=size), dict(type='B')]
train_dataloader = dict(batch_size=2, dataset=dict(size=size))
"""


@pytest.fixture
def config_path(tmp_path: Path) -> Path:
    path = tmp_path / "config.py"
    path.write_text(BASE)
    return path


@pytest.mark.parametrize(
    ("options", "read"),
    [
        ({"train_cfg.max_epochs": 1}, lambda cfg: cfg.train_cfg.max_epochs == 1),
        ({"model.head.weight": 0.5}, lambda cfg: cfg.model.head.weight == 0.5),
        ({"model.head.new": 7}, lambda cfg: cfg.model.head.new == 7),
        ({"custom_hooks.0.size": 9}, lambda cfg: cfg.custom_hooks[0].size == 9),
        ({"load_from": "x.pth"}, lambda cfg: cfg.load_from == "x.pth"),
        ({"randomness.seed": 3}, lambda cfg: cfg.randomness.seed == 3),
    ],
)
def test_options_that_are_merged(config_path, options, read):
    assert read(load_config(config_path, options))


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("train_cfg.max_epoch", "train_cfg has no 'max_epoch'; did you mean 'max_epochs'"),
        ("trian_cfg.max_epochs", "the config has no 'trian_cfg'; did you mean 'train_cfg'"),
        ("model.haed.weight", "model has no 'haed'; did you mean 'head'"),
        ("custom_hooks.2.size", "expected a number below 2, got '2'"),
        ("custom_hooks.first.size", "expected a number below 2, got 'first'"),
        ("model.depth.x", "model.depth is 3, which has no entries"),
        (
            "size",
            r"'size' is a variable .* entries themselves, such as train_dataloader.dataset.size",
        ),
        ("train_cfg.zzz", r"has no 'zzz' \(it has by_epoch, max_epochs\)"),
    ],
)
def test_options_that_name_nothing(config_path, key, message):
    with pytest.raises(ConfigError, match=message):
        load_config(config_path, {key: 1})


def test_missing_config(tmp_path):
    with pytest.raises(MissingDataError, match="does not exist; the ready ones"):
        load_config(tmp_path / "nowhere.py")


def test_missing_base(tmp_path):
    path = tmp_path / "c.py"
    path.write_text("_base_ = './gone.py'\n")
    with pytest.raises(MissingDataError, match="needs a file that is not there"):
        load_config(path)


def test_config_with_a_syntax_error(tmp_path):
    path = tmp_path / "c.py"
    path.write_text("model = dict(\n")
    with pytest.raises(ConfigError, match="cannot be read: SyntaxError"):
        load_config(path)


def test_option_without_equals_sign(capsys):
    parser = argparse.ArgumentParser()
    add_config_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["c.py", "--cfg-options", "oops"])
    assert "expected key=value, got 'oops'" in capsys.readouterr().err
    arguments = parser.parse_args(["c.py", "--cfg-options", "a.b=1", "c=[1,2]"])
    assert arguments.cfg_options == {"a.b": 1, "c": [1, 2]}
    assert ConfigOptions.__mro__[1].__name__ == "DictAction"


def test_own_errors_become_one_sentence(capsys):
    def fail():
        raise MissingDataError("Folder 'x' is empty.")

    assert run_command(fail) == 1
    assert capsys.readouterr().err == "error: Folder 'x' is empty.\n"


def test_exit_code_is_passed_on():
    assert run_command(lambda: None) == 0
    assert run_command(lambda: 3) == 3


def test_a_bug_keeps_its_traceback():
    def fail():
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        run_command(fail)


def test_traceback_can_be_asked_for(monkeypatch):
    def fail():
        raise MissingDataError("gone")

    monkeypatch.setenv("MACBDF_TRACEBACK", "1")
    with pytest.raises(MissingDataError):
        run_command(fail)


def test_interrupt(capsys):
    def fail():
        raise KeyboardInterrupt

    assert run_command(fail) == 130
    assert "Interrupted" in capsys.readouterr().err


def test_unregistered_type():
    with pytest.raises(KeyError) as caught:
        MODELS.build(dict(type="NoSuchBackbone"))
    assert "names type 'NoSuchBackbone', which is not in the registry" in explain(caught.value)


def test_wrong_key_of_a_part():
    with pytest.raises(TypeError) as caught:
        MODELS.build(dict(type="torch.nn.Linear", in_features=1, out_features=1, size=3))
    assert explain(caught.value) == "The config gives `Linear` a key that it does not take: 'size'."


def test_missing_key_of_a_part():
    with pytest.raises(TypeError) as caught:
        MODELS.build(dict(type="torch.nn.Linear", in_features=1))
    assert explain(caught.value) == (
        "The config gives `Linear` too little: 'out_features' is required."
    )


def test_wrong_key_outside_of_building_is_a_bug():
    with pytest.raises(TypeError) as caught:
        torch.nn.Linear(1, 1, size=3)
    assert explain(caught.value) is None


def test_missing_file_of_the_operating_system(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        (tmp_path / "gone").read_text()
    assert explain(caught.value) == f"No such file or folder: {tmp_path / 'gone'}."


def test_other_errors_of_the_operating_system(tmp_path):
    with pytest.raises(IsADirectoryError) as caught:
        tmp_path.write_text("x")
    assert explain(caught.value) == f"Is a directory: {tmp_path}."


def test_value_that_a_part_refuses():
    with pytest.raises(ValueError, match="aggregation") as caught:
        METRICS.build(dict(type="macbdf_mm.ForgeryMetric", aggregation="median"))
    assert explain(caught.value).startswith("Expected `aggregation` in ['max', 'mean', 'top_")


class _Broken(Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        raise UndecodableMediaError("'a.mp4' holds no decodable track.")


def test_error_of_a_data_worker_is_unwrapped():
    with pytest.raises(UndecodableMediaError) as caught:
        list(DataLoader(_Broken(), num_workers=1))
    assert "Traceback" in str(caught.value)
    assert explain(caught.value) == "'a.mp4' holds no decodable track."


def test_missing_mmcv_is_one_sentence(config_path):
    script = (
        "import sys; sys.modules['mmcv'] = None\n"
        "from macbdf_mm.apis.command_line import load_config, run_command\n"
        f"sys.exit(run_command(lambda: load_config({str(config_path)!r})))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "install `mmcv-lite>=2.0.0,<2.1`" in done.stderr


def test_mmcv_is_found_here():
    require_mmcv()
