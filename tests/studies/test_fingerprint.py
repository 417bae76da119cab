import copy
import hashlib
import json

import pytest
from mmengine.config import Config

from studies.fingerprint import config_digest, digest, run_fingerprint
from studies.study import Variant
from studies.study_config import read_variant


@pytest.fixture
def cfg(make_settings, tmp_path):
    return read_variant(
        Variant("full", "full", "macbdf_demo.py"), make_settings(tmp_path)
    ).with_seed(0)


def test_a_digest_is_the_hash_of_the_sorted_json():
    expected = hashlib.sha256(json.dumps({"a": 1, "b": [2]}, sort_keys=True).encode()).hexdigest()
    assert digest({"b": (2,), "a": 1}) == expected[:16]


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
        ("further_tests.noisy_sound.batch_size", 3),
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


def test_a_fingerprint_names_what_a_result_follows_from(cfg):
    fingerprint = run_fingerprint(cfg)
    assert list(fingerprint) == ["config", "encoders", "data", "code"]
    assert fingerprint["encoders"] == "random"
    assert len({*fingerprint.values()}) == 4


def test_of_weights_to_start_from_the_place_does_not_count(cfg):
    moved = copy.deepcopy(cfg)
    for config, folder in ((cfg, "a"), (moved, "b")):
        start = dict(type="Pretrained", checkpoint=f"/{folder}/x.pth", prefix="p.")
        config.model.video_backbone.encoder.init_cfg = start
    assert config_digest(moved) == config_digest(cfg)
    moved.model.video_backbone.encoder.init_cfg.prefix = "q."
    assert config_digest(moved) != config_digest(cfg)
