import copy
import hashlib
import json

import pytest
import torch
from mmengine.config import Config

import macbdf_mm
from studies.fingerprint import (
    code_digest,
    config_digest,
    digest,
    meaning,
    run_fingerprint,
)
from studies.study import Variant
from studies.study_config import read_variant

SOURCE = '"""A module."""\nA = 1\n\n\ndef f(x):\n    """Return x."""\n    return x  # as it came\n'


@pytest.fixture
def cfg(make_settings, tmp_path):
    return read_variant(
        Variant("full", "full", "macbdf_demo.py"), make_settings(tmp_path)
    ).with_seed(0)


def test_a_digest_is_the_hash_of_the_sorted_json():
    expected = hashlib.sha256(json.dumps({"a": 1, "b": [2]}, sort_keys=True).encode()).hexdigest()
    assert digest({"b": (2,), "a": 1}) == expected[:16]


def test_comments_docstrings_and_layout_mean_nothing():
    other = "A=1\ndef f(x):\n\n    # Another comment.\n    return (x)\n"
    assert meaning(other) == meaning(SOURCE)
    assert meaning(SOURCE.replace("return x ", "return -x ")) != meaning(SOURCE)
    assert meaning(SOURCE.replace("A = 1", "A = 2")) != meaning(SOURCE)


def test_a_function_of_a_docstring_alone_can_be_read():
    assert meaning('def f():\n    """Nothing."""\n') != meaning("")


def test_a_config_that_was_written_and_read_is_the_same(cfg, tmp_path):
    cfg.dump(str(tmp_path / "config.py"))
    read = Config.fromfile(str(tmp_path / "config.py"))
    assert run_fingerprint(read) == run_fingerprint(cfg)


def test_where_things_lie_does_not_count(cfg):
    moved = copy.deepcopy(cfg)
    for loader in (moved.train_dataloader, moved.final_evaluation.test_dataloader):
        loader.dataset.data_root = "/elsewhere"
        loader.dataset.pipeline[0].cache_dir = "/elsewhere/too"
    moved.work_dir = "another"
    moved.num_epochs = 99  # A variable of the config file, which nothing reads.
    assert config_digest(moved) == config_digest(cfg)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model.head.drop_rate", 0.31),
        ("optim_wrapper.optimizer.lr", 2e-3),
        ("train_cfg.max_epochs", 3),
        ("randomness.seed", 1),
        ("train_dataloader.batch_size", 5),
        ("param_scheduler.1.T_max", 7),
        ("final_evaluation.test_dataloader.dataset.windows_per_clip", 3),
        ("custom_hooks", [{"type": "EMAHook"}]),
        ("default_hooks.seed_every_iteration", None),
    ],
)
def test_every_setting_counts(cfg, key, value):
    changed = copy.deepcopy(cfg)
    changed.merge_from_dict({key: value})
    assert config_digest(changed) != config_digest(cfg)


def test_all_that_a_config_says_counts_but_for_what_only_shows_or_stores(cfg):
    without_effect = {
        "auto_scale_lr", "custom_imports", "default_scope", "load_from",
        "log_level", "log_processor", "resume", "visualizer",
    }  # fmt: skip
    parts = [key for key, value in cfg.items() if isinstance(value, dict | list)]
    assert {"val_evaluator", "env_cfg", "final_evaluation"} <= set(parts)
    for key in parts:
        changed = copy.deepcopy(cfg)
        changed.pop(key)
        is_variable = key in ("train_pipeline", "test_pipeline")
        is_same = config_digest(changed) == config_digest(cfg)
        assert is_same == (key in without_effect or is_variable), key


@pytest.fixture
def code(tmp_path):
    """A tree with a file in each room."""
    rooms = ("datasets/transforms", "engine/optim", "evaluation/functional", "media",
             "models/layers", "ops", "structures", "reports", "utils")  # fmt: skip
    for file in [
        "studies/train_run.py",
        "studies/page.py",
        *(f"macbdf_mm/{r}/a.py" for r in rooms),
    ]:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a = 1\n")
    return tmp_path


def test_code_that_a_run_executes_counts_and_the_pages_do_not(code):
    before = code_digest(code)
    for path in code.rglob("*.py"):
        code_digest.cache_clear()
        path.write_text("a = 2\n")
        is_shown = path.parts[-2] in ("reports", "utils") or path.name == "page.py"
        assert (code_digest(code) == before) == is_shown, path
        path.write_text("a = 1\n")


@pytest.mark.parametrize("versioned", [macbdf_mm, torch])
def test_the_versions_beneath_the_code_count(code, monkeypatch, versioned):
    before = code_digest(code)
    monkeypatch.setattr(versioned, "__version__", "0.0")
    code_digest.cache_clear()
    assert code_digest(code) != before


def test_the_code_s_digest_is_that_of_this_code():
    assert code_digest() == code_digest()
    assert len(code_digest()) == 16
