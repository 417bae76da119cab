import argparse
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.runner import Runner

from macbdf_mm.apis.command_line import (
    RUNNER_KEYS,
    ConfigOptions,
    add_config_arguments,
    load_config,
    require_mmcv,
    run_command,
)
from macbdf_mm.errors import ConfigError, MissingDataError

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
    with pytest.raises(MissingDataError, match=r"nowhere\.py' does not exist, neither"):
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


def test_a_reader_that_ends_early_is_no_traceback():
    script = (
        "import sys; from macbdf_mm.apis.command_line import run_command\n"
        "sys.exit(run_command(lambda: [print('x' * 100, flush=True) for _ in range(10000)]))"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=-1, stderr=-1, text=True)
    process.stdout.readline()
    process.stdout.close()
    assert (
        process.stderr.read() == "error: Whoever read the output has ended, so this command too.\n"
    )
    process.stderr.close()
    assert process.wait() == 1


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


def test_the_keys_of_the_runner_are_those_that_it_takes():
    taken = set(inspect.signature(Runner.__init__).parameters) - {"self"}
    assert taken <= set(RUNNER_KEYS)
    beside = {key for key in RUNNER_KEYS if key not in taken} - {"runner_type", "strategy"}
    source = inspect.getsource(Runner)
    assert all(f"'{key}'" in source for key in beside)


def test_a_config_is_read_without_torch():
    """A wrong one is then answered seconds earlier."""
    code = (
        "import sys; from macbdf_mm.apis.command_line import load_config; "
        f"load_config('{ROOT}/configs/macbdf_demo.py', {{'train_cfg.max_epochs': 1}}); "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
