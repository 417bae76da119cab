import pytest
from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from torch import nn

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
