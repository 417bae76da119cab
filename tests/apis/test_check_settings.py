import copy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.runner import LogProcessor

from macbdf_mm.apis.check_settings import check_settings
from macbdf_mm.errors import ConfigError

ROOT = Path(__file__).parents[2]
NAMES = [path.stem for path in sorted((ROOT / "configs").glob("*.py"))]


@pytest.fixture(scope="module")
def read_once():
    return Config.fromfile(str(ROOT / "configs" / "macbdf_demo.py"))


@pytest.fixture
def cfg(read_once):
    return copy.deepcopy(read_once)


@pytest.mark.parametrize("name", NAMES)
def test_our_configs_pass(name):
    check_settings(Config.fromfile(str(ROOT / "configs" / f"{name}.py")))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("train_dataloader.batch_size", 0, "`train_dataloader.batch_size` > 0, got 0"),
        ("val_dataloader.batch_size", "8", "whole number `val_dataloader.batch_size`, got '8'"),
        ("test_dataloader.batch_size", 1.5, "whole number `test_dataloader.batch_size`, got 1.5"),
        ("train_dataloader.num_workers", -1, "`train_dataloader.num_workers` >= 0, got -1"),
        (
            "train_dataloader.num_workers",
            True,
            "`train_dataloader.num_workers`, got True",
        ),
        ("train_dataloader.prefetch_factor", 0, "`train_dataloader.prefetch_factor` > 0, got 0"),
        ("train_dataloader.timeout", -1, "seconds `train_dataloader.timeout` >= 0, got -1"),
        ("train_dataloader.timeout", "1 min", "seconds `train_dataloader.timeout` >= 0, got '1 m"),
        ("train_dataloader.dataset", "dfdc", "dict `train_dataloader.dataset`, got 'dfdc'"),
        ("train_dataloader.drop_last", "x", "True or False for `train_dataloader.drop_last`, got"),
        ("train_dataloader.dataset.pipeline", 5, "transforms `train_dataloader.dataset.pipeline`"),
        ("val_dataloader.dataset.pipeline", [], r"`val_dataloader.dataset.pipeline`, got \[\]"),
        ("train_dataloader.dataset.pipeline.1.num_frames", "x", "pipeline.1.num_frames`, got 'x'"),
        ("train_dataloader.collate_fn", dict(type="nope"), "type 'nope', which is not in the reg"),
        ("train_dataloader.sampler.seed", "x", "number `train_dataloader.sampler.seed`, got 'x'"),
        ("train_dataloader", 5, "dict `train_dataloader`, got 5"),
        ("train_cfg.max_epochs", "one", "whole number `train_cfg.max_epochs`, got 'one'"),
        ("train_cfg.max_epochs", 0, "`train_cfg.max_epochs` > 0, got 0"),
        ("train_cfg.by_epoch", "no", "True or False for `train_cfg.by_epoch`, got 'no'"),
        ("train_cfg.val_interval", 0, "`train_cfg.val_interval` > 0, got 0"),
        ("train_cfg.val_begin", "x", "whole number `train_cfg.val_begin`, got 'x'"),
        ("optim_wrapper.optimizer.lr", "1e-3x", "number `optim_wrapper.optimizer.lr`, got '1e-3x'"),
        ("optim_wrapper", {}, "dict `optim_wrapper.optimizer`, got None"),
        (
            "optim_wrapper.optimizer",
            dict(lr=0.1),
            r"`type` in `optim_wrapper.optimizer`, got {'lr'",
        ),
        ("optim_wrapper.encoders", ["a"], r"dict `optim_wrapper.encoders`, got \['a'\]"),
        (
            "optim_wrapper.clip_grad",
            dict(max_nrm=1),
            "Nothing reads `optim_wrapper.clip_grad.max_nrm",
        ),
        (
            "optim_wrapper.clip_grad",
            dict(max_norm=-1),
            "`optim_wrapper.clip_grad.max_norm` > 0, got",
        ),
        (
            "optim_wrapper.clip_grad",
            dict(type="x"),
            "`optim_wrapper.clip_grad.type` of norm, value, ",
        ),
        ("optim_wrapper.paramwise_cfg", ["a"], r"dict `optim_wrapper.paramwise_cfg`, got \['a'\]"),
        (
            "optim_wrapper.paramwise_cfg",
            dict(nrm=0.0),
            "Nothing reads `optim_wrapper.paramwise_cfg.n",
        ),
        (
            "optim_wrapper.paramwise_cfg",
            dict(bias_lr_mult="0"),
            "number `optim_wrapper.paramwise_cfg.bias_lr_mult`, got '0'",
        ),
        (
            "optim_wrapper.paramwise_cfg",
            dict(custom_keys=["a"]),
            r"dict `optim_wrapper.paramwise_cfg.custom_keys`, got \['a'\]",
        ),
        (
            "optim_wrapper.paramwise_cfg",
            dict(custom_keys={"a.b": 0.1}),
            r"dict\(lr_mult=0.1\) for `optim_wrapper.paramwise_cfg.custom_keys\['a.b'\]`, got 0.1",
        ),
        (
            "optim_wrapper.paramwise_cfg",
            dict(custom_keys={"a": dict(lr_mul=1)}),
            r"custom_keys\['a'\].lr_mul`; the names that are read are lr_mult, decay_mult",
        ),
        (
            "optim_wrapper.paramwise_cfg",
            dict(custom_keys={"a": dict(lr_mult="1")}),
            r"number `optim_wrapper.paramwise_cfg.custom_keys\['a'\].lr_mult`, got '1'",
        ),
        ("val_evaluator", ["ForgeryMetric"], "dict `val_evaluator.0`, got 'ForgeryMetric'"),
        ("custom_hooks", [dict(kind="EMAHook")], r"`type` in `custom_hooks.0`, got {'kind'"),
        ("optim_wrapper.optimizer.type", "AdmW", "type 'AdmW', .*did you mean 'AdamW'"),
        ("optim_wrapper.optimizer", None, "dict `optim_wrapper.optimizer`, got None"),
        ("optim_wrapper.accumulative_counts", 0, "`optim_wrapper.accumulative_counts` > 0, got 0"),
        ("optim_wrapper.clip_grad", 5, "dict `optim_wrapper.clip_grad`, got 5"),
        ("optim_wrapper.clip_grad.max_norm", "x", "`optim_wrapper.clip_grad.max_norm`, got 'x'"),
        ("param_scheduler.0.start_factor", "x", "number `param_scheduler.0.start_factor`, got 'x'"),
        ("default_hooks.logger.interval", "x", "number `default_hooks.logger.interval`, got 'x'"),
        ("default_hooks.checkpoint.interval", "x", "`default_hooks.checkpoint.interval`, got 'x'"),
        ("default_hooks", [], r"dict `default_hooks`, got \[\]"),
        ("custom_hooks", 5, "list `custom_hooks`, got 5"),
        ("log_processor.window_size", "x", "number `log_processor.window_size`, got 'x'"),
        ("val_evaluator.num_resamples", "x", "number `val_evaluator.num_resamples`, got 'x'"),
        ("val_evaluator", None, "`val_dataloader` and `val_cfg` but no `val_evaluator`"),
        (
            "param_scheduler",
            dict(type="MultiStepLR", milestones=3),
            "list `param_scheduler.milestones`, got 3",
        ),
        ("randomness.seed", -1, "`randomness.seed` >= 0, got -1"),
        ("randomness.seed", 2**32, "`randomness.seed` <= 4294967295, got 4294967296"),
        ("env_cfg.mp_cfg.mp_start_method", "x", "mp_start_method` of fork, spawn, .* got 'x'"),
        ("randomness.sed", 1, "Nothing reads `randomness.sed`; .* are seed, deterministic"),
        ("auto_scale_lr", "yes", "dict `auto_scale_lr`, got 'yes'"),
        ("auto_scale_lr", dict(base_batch_size=-8), "`auto_scale_lr.base_batch_size` > 0, got -8"),
        ("log_level", "LOUD", "`log_level` of CRITICAL, .* got 'LOUD'"),
        ("default_scope", 5, "name `default_scope`, got 5"),
        ("env_cfg.mp_cfg", [1], r"dict `env_cfg.mp_cfg`, got \[1\]"),
        ("env_cfg.dist_cfg", "nccl", "dict `env_cfg.dist_cfg`, got 'nccl'"),
        (
            "train_dataloader.num_batch_per_epoch",
            "2",
            "train_dataloader.num_batch_per_epoch`, got '2'",
        ),
        ("train_dataloader.dataset", None, "dict `train_dataloader.dataset`, got None"),
        ("train_dataloader.dataset.ann_file", 5, "path `train_dataloader.dataset.ann_file`, got 5"),
        ("val_dataloader.dataset.data_root", 5, "path `val_dataloader.dataset.data_root`, got 5"),
        ("load_from", 5, "path `load_from`, got 5"),
        ("work_dir", 5, "path `work_dir`, got 5"),
    ],
)
def test_slips_are_named_with_their_place(cfg, key, value, message):
    if value is None or isinstance(value, dict):  # Merging would keep what stands there.
        *parents, last = key.split(".")
        node = cfg
        for parent in parents:
            node = node[parent]
        node[last] = value
    else:
        cfg.merge_from_dict({key: value})
    with pytest.raises(ConfigError, match=message):
        check_settings(cfg)


def test_no_workers_have_no_settings(cfg):
    """The base configs keep workers alive: whoever sets `num_workers=0` means no harm."""
    loader = cfg.train_dataloader
    loader.update(num_workers=0, prefetch_factor=4, timeout=5)
    assert loader.persistent_workers
    check_settings(cfg)
    assert not {"persistent_workers", "prefetch_factor", "timeout"} & set(loader)
    assert cfg.val_dataloader.persistent_workers


def test_layer_decay_of_mmaction2_is_refused_for_our_detectors(cfg):
    name = "LearningRateDecayOptimizerConstructor"
    cfg.optim_wrapper.constructor = f"mmaction.{name}"
    with pytest.raises(ConfigError, match=rf"{name} of mmaction2 reads .*custom_keys="):
        check_settings(cfg)
    cfg.model = dict(type="mmaction.Recognizer3D", backbone=dict(type="mmaction.VisionTransformer"))
    check_settings(cfg)


def test_parts_that_are_built_already_pass(cfg):
    net = torch.nn.Linear(1, 1)
    wrapper = OptimWrapper(torch.optim.SGD(net.parameters(), lr=0.1))
    cfg._cfg_dict.update(model=net, optim_wrapper=wrapper, log_processor=LogProcessor())
    check_settings(cfg)


def test_nothing_else_has_to_be_imported_before():
    config = ROOT / "configs" / "macbdf_dfdc.py"
    code = (
        "from mmengine.config import Config;"
        "from macbdf_mm.apis.check_settings import check_settings;"
        f"check_settings(Config.fromfile({str(config)!r}))"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[-500:]
