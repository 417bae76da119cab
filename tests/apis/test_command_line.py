import argparse
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.dataset import BaseDataset, ConcatDataset
from mmengine.registry import MODELS, OPTIMIZERS
from mmengine.runner import Runner
from torch.utils.data import DataLoader, Dataset

from macbdf_mm.apis.command_line import (
    ConfigOptions,
    add_config_arguments,
    explain,
    load_config,
    require_mmcv,
    run_command,
)
from macbdf_mm.errors import ArgumentError, ConfigError, MissingDataError, UndecodableMediaError
from macbdf_mm.registry import METRICS, build_part
from macbdf_mm.registry import MODELS as OUR_MODELS

ROOT = Path(__file__).parents[2]
BASE = """
model = dict(type='Net', depth=3, head=dict(type='Head', weight=1.0))
train_cfg = dict(by_epoch=True, max_epochs=2)
size = 1
custom_hooks = [dict(type='A', size=size), dict(type='scope.C'), dict(type='B'), dict(type='B')]
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
        ({"runner_type": "Mine"}, lambda cfg: cfg.runner_type == "Mine"),
        ({"train_dataloader.pin_memory": True}, lambda cfg: cfg.train_dataloader.pin_memory),
        ({"clip.norm_type": 1}, lambda cfg: cfg.clip == dict(norm_type=1)),
        ({"train_cfg.zzz": 1}, lambda cfg: cfg.train_cfg.zzz == 1),
        ({"model.head.parts.tau.start": 1}, lambda cfg: cfg.model.head.parts.tau.start == 1),
        ({"custom_hooks.A.size": 9}, lambda cfg: cfg.custom_hooks[0] == dict(type="A", size=9)),
        ({"custom_hooks.C.size": 9}, lambda cfg: cfg.custom_hooks[1].size == 9),
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
        ("custom_hooks.4.size", "expected a number below 4, got '4'"),
        ("custom_hooks.first.size", "below 4, got 'first', the type of 0 of them"),
        ("model.depth.x", "model.depth is 3, which has no entries"),
        (
            "size",
            r"'size' is a variable .* such as custom_hooks.0.size, train_dataloader.dataset.size",
        ),
        ("train_dataloder.batch_size", "has no 'train_dataloder'; did you mean 'train_dataloader'"),
        ("train_dataloader.batchsize", "has no 'batchsize'; did you mean 'batch_size'"),
        ("custom_hook", "the config has no 'custom_hook'; did you mean 'custom_hooks'"),
        ("custom_hooks.B.size", "below 4, got 'B', the type of 2 of them"),
    ],
)
def test_options_that_name_nothing(config_path, key, message):
    with pytest.raises(ConfigError, match=message):
        load_config(config_path, {key: 1})


def test_every_path_that_the_pages_on_the_method_name_can_be_overridden():
    pages = sorted((ROOT / "docs" / "method").glob("*.md"))
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    tops = "model|train_dataloader|val_dataloader|optim_wrapper|train_cfg|param_scheduler"
    paths = set(re.findall(rf"`((?:{tops}|auto_scale_lr)\.[\w.]+)`", text))
    assert len(paths) > 80
    for path in sorted(paths):
        load_config(ROOT / "configs" / "macbdf_dfdc.py", {path: 1})


@pytest.mark.parametrize("name", ["max_clusters", "min_clusters"])
def test_a_name_like_another_is_no_slip(tmp_path, name):
    path = tmp_path / "c.py"
    path.write_text("model = dict(clusters=dict(max_clusters=3))")
    cfg = load_config(path, {f"model.clusters.{name}": 2})
    assert cfg.model.clusters[name] == 2


def test_missing_config(tmp_path):
    with pytest.raises(MissingDataError, match="does not exist; the ready ones"):
        load_config(tmp_path / "nowhere.py")


def test_missing_base(tmp_path):
    path = tmp_path / "c.py"
    path.write_text("_base_ = './gone.py'\n")
    with pytest.raises(MissingDataError, match="needs a file that does not exist"):
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


def test_data_sets_that_mmengine_does_not_concatenate():
    class Named(BaseDataset):
        def load_data_list(self):
            return [{}]

    for other in ({"dataset": "b"}, {"dataset": 1}, {}):
        with pytest.raises((ValueError, TypeError)) as caught:
            ConcatDataset([Named(metainfo={"dataset": "a"}), Named(metainfo=other)])
        assert "write type='macbdf_mm.ConcatDataset'" in explain(caught.value)


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


@pytest.mark.parametrize(
    ("cfg", "near"),
    [
        (dict(type="macbdf_mm.MSTLKABackbon"), "did you mean 'MSTLKABackbone'"),
        (dict(type="SpatialTransformr"), ""),
    ],
)
def test_nearest_type(cfg, near):
    with pytest.raises(KeyError) as caught:
        build_part(OUR_MODELS, cfg)
    assert near in explain(caught.value)


def test_nearest_type_of_an_optimiser():
    with pytest.raises(KeyError) as caught:
        OPTIMIZERS.build(dict(type="AdmaW"))
    assert "did you mean 'AdamW'" in explain(caught.value)


def test_nearest_argument():
    with pytest.raises(TypeError) as caught:
        METRICS.build(dict(type="macbdf_mm.ForgeryMetric", agregation="max"))
    assert explain(caught.value).endswith(
        "does not take: 'agregation'; did you mean 'aggregation'."
    )


@pytest.mark.parametrize(
    ("make", "near"),
    [
        (
            lambda: Runner.build_dataloader(
                dict(batch_sise=1, dataset=[1], sampler=dict(type="DefaultSampler", shuffle=False))
            ),
            "'batch_sise'; did you mean 'batch_size'",
        ),
        (
            lambda: Runner.build_train_loop(
                SimpleNamespace(_train_dataloader=[1]), dict(by_epoch=True, max_epoch=1)
            ),
            "'max_epoch'; did you mean 'max_epochs'",
        ),
    ],
)
def test_nearest_argument_of_what_the_runner_makes_itself(make, near):
    with pytest.raises(TypeError) as caught:
        make()
    assert near in explain(caught.value)


@pytest.fixture
def child(tmp_path):
    """Return a maker of configs that inherit from one with variables."""
    (tmp_path / "base.py").write_text(
        "size = 1\nparts = [dict(type='A', size=2 * size)]\n"
        "train_dataloader = dict(batch_size=size, dataset=dict(pipeline=parts))\n"
    )

    def make(text):
        path = tmp_path / "child.py"
        path.write_text(f"_base_ = ['./base.py']\n{text}")
        return path

    return make


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("size = 2", r"train_dataloader.batch_size, train_dataloader.dataset.pipeline.0.size\)"),
        ("parts = []", r"\(train_dataloader.dataset.pipeline\)"),
    ],
)
def test_a_variable_of_the_base_that_is_changed_to_no_effect(child, text, places):
    with pytest.raises(ConfigError, match=f"keeps the old value .*{places}"):
        load_config(child(text))


def test_a_variable_of_which_some_entries_follow(child, capsys):
    load_config(child("size = 2\ntrain_dataloader = dict(batch_size=size)"))
    assert "old value (train_dataloader.dataset.pipeline.0.size)" in capsys.readouterr().err


def test_a_variable_of_which_all_entries_follow(child, capsys):
    text = "size = 2\nparts = [dict(type='A', size=4)]\n"
    load_config(child(text + "train_dataloader = dict(batch_size=2, dataset=dict(pipeline=parts))"))
    assert capsys.readouterr().err == ""


def test_option_that_names_a_variable_says_what_was_made_from_it(child):
    with pytest.raises(ConfigError, match=r"such as train_dataloader.batch_size, train_dataload"):
        load_config(child(""), {"size": 3})


def test_misspelt_key_of_the_config(child, capsys):
    load_config(child("custom_hook = []"))
    assert "nothing reads 'custom_hook'; did you mean 'custom_hooks'" in capsys.readouterr().err


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


def test_what_another_library_expected_keeps_its_traceback(tmp_path, monkeypatch):
    """Wherever it lies, and whatever it says: a clone has the package's name too."""
    folder = tmp_path / "macbdf_mm" / "site-packages"
    folder.mkdir(parents=True)
    (folder / "foreign_library.py").write_text(
        "def fail(kind):\n    raise kind('Expected `size` > 0, got 0.')\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    import foreign_library

    for kind in (ValueError, TypeError, RuntimeError):
        with pytest.raises(kind, match="Expected `size`") as caught:
            foreign_library.fail(kind)
        assert explain(caught.value) is None
        with pytest.raises(kind, match="Expected `size`"):
            run_command(lambda kind=kind: foreign_library.fail(kind))
    with pytest.raises(ArgumentError) as caught:
        foreign_library.fail(ArgumentError)
    assert explain(caught.value) == "Expected `size` > 0, got 0."
