"""The runner that a config asks for."""

import logging

import torch
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import RUNNERS, DefaultScope
from mmengine.runner import Runner

from macbdf_mm.apis.check_settings import check_settings
from macbdf_mm.engine.loading_workers import end_instead_of_losing_batches
from macbdf_mm.engine.run_options import use_full_precision
from macbdf_mm.errors import ConfigError

_SHARDING = ("FullyShardedDataParallel", "DeepSpeed", "ColossalAI")
_HOOKS_OF_MMENGINE = (
    *("runtime_info", "timer", "sampler_seed", "logger", "param_scheduler", "checkpoint"),
)


def build_runner(cfg: Config) -> Runner:
    """Return the runner of a config, of the class that ``runner_type`` names.

    Without a GPU a config of mixed precision runs in float32. With one, ``env_cfg.allow_tf32``
    says whether matrix products of float32 may use TF32, of 10 bits; MMEngine has no such entry.

    Raises:
        ConfigError: If that is no :class:`mmengine.runner.Runner`, the config asks for a strategy
            or for fully sharded data parallel, or a value is not of its kind.
    """
    check_settings(cfg)
    wrapper = str((cfg.get("model_wrapper_cfg") or {}).get("type"))
    if any(name in wrapper for name in _SHARDING):
        raise ConfigError(
            f"Expected `model_wrapper_cfg.type` 'MMDistributedDataParallel', got '{wrapper}': FSDP "
            "and its like are not supported, since they cannot shard parameters of shape (), such "
            "as `lambda_1`, and OM-Pareto weighs whole gradients; remove `model_wrapper_cfg`."
        )
    if cfg.get("strategy") is not None:
        raise ConfigError(
            "The config has a `strategy`, which MMEngine's experimental FlexibleRunner alone "
            "reads, and neither that runner nor FSDP and DeepSpeed are supported; remove it, and "
            "train on several devices with `--launcher`."
        )
    for name, hook in list((cfg.get("default_hooks") or {}).items()):
        # MMEngine leaves out a hook of its own that is None, and fails for any other.
        if hook is None and name not in _HOOKS_OF_MMENGINE:
            cfg.default_hooks.pop(name)
    if torch.cuda.is_available():
        allow_tf32 = (cfg.get("env_cfg") or {}).get("allow_tf32", False)
        torch.set_float32_matmul_precision("high" if allow_tf32 else "highest")
    elif cfg.get("optim_wrapper") is not None and use_full_precision(cfg):
        print_log(
            "There is no GPU, so this runs in float32, not in the mixed precision of the config.",
            logger="current",
            level=logging.WARNING,
        )
    end_instead_of_losing_batches()
    return _runner_class(cfg).from_cfg(cfg)


def _runner_class(cfg: Config) -> type[Runner]:
    name = cfg.get("runner_type", "Runner")
    with DefaultScope.overwrite_default_scope(cfg.get("default_scope")):
        found = RUNNERS.get(name) if isinstance(name, str) else name
    if found is None:
        raise ConfigError(
            f"The config names `runner_type` '{name}', which is not registered; import its module "
            "in `custom_imports`, or remove `runner_type`."
        )
    if not (isinstance(found, type) and issubclass(found, Runner)):
        raise ConfigError(
            f"Expected `runner_type` to name a subclass of mmengine's Runner, got {name!r}, whose "
            "way of wrapping the model and of saving is another; remove `runner_type`."
        )
    return found
