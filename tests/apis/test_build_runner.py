import pytest
import torch
from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from torch import nn

from macbdf_mm.apis import build_runner as build_runner_module
from macbdf_mm.apis.build_runner import build_runner
from macbdf_mm.errors import ConfigError


@RUNNERS.register_module(force=True)
class RunnerOfATest(Runner):
    pass


@pytest.fixture
def cfg(tmp_path):
    return Config(dict(model=nn.Linear(1, 1), work_dir=str(tmp_path), default_scope="macbdf_mm"))


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({}, Runner),
        ({"runner_type": "Runner"}, Runner),
        ({"runner_type": "RunnerOfATest"}, RunnerOfATest),
        ({"runner_type": "mmengine.RunnerOfATest"}, RunnerOfATest),
    ],
)
def test_the_runner_is_of_the_named_class(cfg, named, expected):
    cfg.merge_from_dict({**named, "experiment_name": f"runner_{len(str(named))}"})
    assert type(build_runner(cfg)) is expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runner_type": "FlexibleRunner"}, "subclass of mmengine's Runner, got 'FlexibleRunner'"),
        ({"runner_type": "Runer"}, "`runner_type` 'Runer', which is not registered"),
        ({"runner_type": 3}, "subclass of mmengine's Runner, got 3"),
        ({"strategy": dict(type="FSDPStrategy")}, "`strategy`, which .* FlexibleRunner alone"),
        ({"strategy": dict(type="DDPStrategy")}, "`strategy`, which .* FlexibleRunner alone"),
        (
            {"model_wrapper_cfg": dict(type="MMFullyShardedDataParallel")},
            r"got 'MMFullyShardedDataParallel': FSDP and .* shape \(\), such as `lambda_1`",
        ),
        (
            {"model_wrapper_cfg": dict(type="mmengine.MMFullyShardedDataParallel")},
            "got 'mmengine.MMFullyShardedDataParallel'",
        ),
        ({"model_wrapper_cfg": dict(type="MMDeepSpeedEngineWrapper")}, "got 'MMDeepSpeedEngine"),
    ],
)
def test_what_is_not_supported_is_refused(cfg, options, message):
    cfg.merge_from_dict(options)
    with pytest.raises(ConfigError, match=message):
        build_runner(cfg)


def test_mixed_precision_without_a_gpu_is_float32(cfg, monkeypatch):
    said = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(build_runner_module, "print_log", lambda text, **_: said.append(text))
    monkeypatch.setattr(build_runner_module, "_runner_class", lambda cfg: FakeRunner)
    monkeypatch.setattr(build_runner_module, "check_settings", lambda cfg: None)
    cfg.optim_wrapper = dict(type="OMParetoAmpOptimWrapper", dtype="bfloat16", loss_scale=1.0)
    build_runner(cfg)
    assert cfg.optim_wrapper == {"type": "OMParetoOptimWrapper"}
    assert said == ["There is no GPU, so this runs in float32, not in the mixed precision of the "
                    "config."]  # fmt: skip


@pytest.mark.parametrize(("allowed", "expected"), [(True, "high"), (False, "highest")])
def test_the_config_says_whether_a_gpu_may_use_tf32(cfg, monkeypatch, allowed, expected):
    said = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "set_float32_matmul_precision", said.append)
    monkeypatch.setattr(build_runner_module, "_runner_class", lambda cfg: FakeRunner)
    cfg.env_cfg = dict(allow_tf32=allowed)
    build_runner(cfg)
    assert said == [expected]


class FakeRunner:
    """Makes nothing: a runner would look for the GPU."""

    @classmethod
    def from_cfg(cls, cfg):
        return None
