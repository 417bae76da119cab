from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS

from macbdf_mm.engine.run_options import (
    amp_twin,
    last_checkpoint,
    metrics_of,
    scale_learning_rate,
    set_resume,
    set_seed,
    set_work_dir,
    skip_validation,
    use_full_precision,
    use_mixed_precision,
)
from macbdf_mm.errors import ConfigError, MissingDataError


def test_work_dir_follows_flag_then_config_then_name():
    assert set_work_dir(Config({}), "configs/a_b.py") == Path("work_dirs/a_b")
    assert set_work_dir(Config({"work_dir": "w"}), "configs/a.py") == Path("w")
    cfg = Config({"work_dir": "w"})
    assert set_work_dir(cfg, "configs/a.py", "flag") == Path("flag")
    assert cfg.work_dir == "flag"


def test_resume_auto_takes_the_noted_checkpoint(tmp_path):
    (tmp_path / "epoch_2.pth").touch()
    (tmp_path / "last_checkpoint").write_text(str(tmp_path / "epoch_2.pth"))
    cfg = Config({"work_dir": str(tmp_path)})
    set_resume(cfg, "auto")
    assert cfg.resume
    assert cfg.load_from == str(tmp_path / "epoch_2.pth")


def test_folder_may_have_moved_since(tmp_path):
    (tmp_path / "epoch_2.pth").touch()
    (tmp_path / "last_checkpoint").write_text("/somewhere/else/epoch_2.pth")
    assert last_checkpoint(tmp_path) == str(tmp_path / "epoch_2.pth")


def test_resume_auto_without_a_checkpoint_starts_anew(tmp_path):
    cfg = Config({"work_dir": str(tmp_path)})
    set_resume(cfg, "auto")
    assert (cfg.resume, cfg.load_from) == (True, None)


def test_noted_checkpoint_is_gone(tmp_path):
    (tmp_path / "last_checkpoint").write_text("epoch_2.pth")
    with pytest.raises(MissingDataError, match=r"Cannot resume: checkpoint 'epoch_2\.pth'"):
        set_resume(Config({"work_dir": str(tmp_path)}), "auto")


def test_no_resume_changes_nothing():
    cfg = Config({"load_from": "weights.pth"})
    set_resume(cfg, None)
    assert cfg.to_dict() == {"load_from": "weights.pth"}


def test_seed_overrides_the_config_and_keeps_the_rest():
    cfg = Config({"randomness": {"seed": 0, "diff_rank_seed": True}})
    set_seed(cfg, 5, deterministic=True)
    assert cfg.randomness.to_dict() == {"seed": 5, "diff_rank_seed": True, "deterministic": True}
    set_seed(cfg, None, deterministic=False)
    assert cfg.randomness.seed == 5


def test_skip_validation():
    cfg = Config(
        {
            "val_cfg": {},
            "val_dataloader": {},
            "val_evaluator": {},
            "default_hooks": {"checkpoint": {"save_best": "overall/auc"}},
        }
    )
    skip_validation(cfg)
    assert cfg.val_cfg is cfg.val_dataloader is cfg.val_evaluator is None
    assert cfg.default_hooks.checkpoint.save_best is None
    bare = Config({"val_cfg": {}})
    skip_validation(bare)
    assert bare.val_cfg is None


def test_learning_rate_needs_a_base_batch_size():
    cfg = Config({"auto_scale_lr": {"enable": False, "base_batch_size": 16}})
    scale_learning_rate(cfg)
    assert cfg.auto_scale_lr.enable
    with pytest.raises(ConfigError, match="needs `auto_scale_lr = dict"):
        scale_learning_rate(Config({}))


def test_accumulated_clips_count_for_the_learning_rate():
    """8 clips a batch and 4 batches an update are the 32 that the rate is for: no change."""
    base = {"auto_scale_lr": {"enable": False, "base_batch_size": 32}}
    cfg = Config(base | {"optim_wrapper": {"accumulative_counts": 4}})
    scale_learning_rate(cfg)
    assert cfg.auto_scale_lr == {"enable": True, "base_batch_size": 8}
    with pytest.raises(ConfigError, match=r"`auto_scale_lr\.base_batch_size` 32 is no multiple of"):
        scale_learning_rate(Config(base | {"optim_wrapper": {"accumulative_counts": 5}}))


@pytest.fixture
def custom_wrapper():
    class CustomWrapper(OptimWrapper):
        pass

    class AmpCustomWrapper(OptimWrapper):
        pass

    for part in (CustomWrapper, AmpCustomWrapper):
        OPTIM_WRAPPERS.register_module(module=part)
    yield CustomWrapper
    for part in (CustomWrapper, AmpCustomWrapper):
        OPTIM_WRAPPERS.module_dict.pop(part.__name__)


def test_amp_keeps_the_kind_of_wrapper(custom_wrapper):
    assert amp_twin("OptimWrapper") == "AmpOptimWrapper"
    assert amp_twin("mmengine.OptimWrapper") == "mmengine.AmpOptimWrapper"
    assert amp_twin("CustomWrapper") == "AmpCustomWrapper"
    assert amp_twin(custom_wrapper) == "AmpCustomWrapper"
    assert amp_twin("AmpCustomWrapper") == "AmpCustomWrapper"


@pytest.mark.parametrize("scope", ["", "macbdf_mm."])
def test_om_pareto_has_a_twin(scope):
    twin = f"{scope}OMParetoAmpOptimWrapper"
    assert amp_twin(f"{scope}OMParetoOptimWrapper") == twin
    assert amp_twin(twin) == twin
    assert OPTIM_WRAPPERS.get(f"macbdf_mm.{twin.removeprefix(scope)}").__name__ == (
        "OMParetoAmpOptimWrapper"
    )


def test_wrapper_without_twin():
    with pytest.raises(ConfigError, match="'OptimWrapperDict' has no twin 'AmpOptimWrapperDict'"):
        amp_twin("OptimWrapperDict")


def test_amp_without_a_gpu(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError, match="--amp needs a GPU"):
        use_mixed_precision(Config({"optim_wrapper": {}}))


def test_amp_with_a_gpu_changes_only_the_wrapper(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    cfg = Config({"optim_wrapper": {"type": "OptimWrapper", "clip_grad": {"max_norm": 1}}})
    use_mixed_precision(cfg)
    assert cfg.optim_wrapper.to_dict() == {
        "type": "AmpOptimWrapper",
        "clip_grad": {"max_norm": 1},
        "loss_scale": "dynamic",
    }


def test_metrics_as_a_list():
    assert metrics_of({"type": "A"}) == [{"type": "A"}]
    assert metrics_of([{"type": "A"}, {"type": "B"}]) == [{"type": "A"}, {"type": "B"}]


def test_amp_keeps_a_loss_scale_of_the_config(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    cfg = Config({"optim_wrapper": {"type": "OptimWrapper", "loss_scale": 512.0}})
    use_mixed_precision(cfg)
    assert cfg.optim_wrapper.loss_scale == 512.0


@pytest.mark.parametrize(
    ("mixed", "full"),
    [
        ("OMParetoAmpOptimWrapper", "OMParetoOptimWrapper"),
        ("macbdf_mm.OMParetoAmpOptimWrapper", "macbdf_mm.OMParetoOptimWrapper"),
        ("AmpOptimWrapper", "OptimWrapper"),
        ("AmpCustomWrapper", "CustomWrapper"),
    ],
)
def test_full_precision_takes_the_twin_without_what_only_amp_has(mixed, full):
    kept = {"clip_grad": {"max_norm": 5.0}}
    cfg = Config({"optim_wrapper": {"type": mixed, "dtype": "bfloat16", "loss_scale": 1.0, **kept}})
    assert use_full_precision(cfg)
    assert cfg.optim_wrapper == {"type": full, **kept}
    assert not use_full_precision(cfg)
    assert cfg.optim_wrapper.type == full
