"""The values of a config that MMEngine and PyTorch would refuse late, or with a riddle."""

import inspect
import logging
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import mmengine.runner  # noqa: F401 - registers what a config may name.
from mmengine import registry as root
from mmengine.config import Config
from mmengine.registry import DefaultScope, Registry
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from macbdf_mm.apis.explain import not_registered, numbers_as_lists, numbers_as_text
from macbdf_mm.errors import ConfigError
from macbdf_mm.registry import (
    DATA_SAMPLERS,
    HOOKS,
    METRICS,
    OPTIM_WRAPPERS,
    SCOPE,
    TRANSFORMS,
)

_DICTS = (
    *("model", "optim_wrapper", "train_cfg", "val_cfg", "test_cfg", "env_cfg", "randomness"),
    *("train_dataloader", "val_dataloader", "test_dataloader", "default_hooks", "log_processor"),
    *("visualizer", "auto_scale_lr"),
)
_PLAIN = (str, int, float, list, tuple)
_TRIPLES = (
    ("train_dataloader", "train_cfg", "optim_wrapper"),
    ("val_dataloader", "val_cfg", "val_evaluator"),
    ("test_dataloader", "test_cfg", "test_evaluator"),
)
_WHOLE_OF_LOADER = (
    *(("batch_size", 1), ("num_workers", 0), ("prefetch_factor", 1)),
    ("num_batch_per_epoch", 1),
)
# Settings of a loader that only workers have.
_OF_WORKERS = ("persistent_workers", "prefetch_factor", "timeout")
# Those that read `optimizer` and `paramwise_cfg` as MMEngine does.
_CONSTRUCTORS = ("DefaultOptimWrapperConstructor", "MatrixDecayConstructor")
_LAYER_DECAY = "LearningRateDecayOptimizerConstructor"
_KNOWN_TO_LAYER_DECAY = ("MViT", "VisionTransformer")
_OF_RANDOMNESS = ("seed", "deterministic", "diff_rank_seed")
_LARGEST_SEED = 2**32 - 1
_CLIPPING: dict[str, Callable[..., Any]] = {"norm": clip_grad_norm_, "value": clip_grad_value_}
# What MMEngine's constructor of optimiser wrappers reads; it says nothing of other keys.
_PARAMWISE = (
    *("custom_keys", "bias_lr_mult", "bias_decay_mult", "norm_decay_mult", "flat_decay_mult"),
    *("dwconv_decay_mult", "dcn_offset_lr_mult", "bypass_duplicate"),
)
_OF_CUSTOM_KEY = ("lr_mult", "decay_mult")


def check_settings(cfg: Config) -> None:
    """Check the values that a run would otherwise stumble over.

    Settings of loaders that need workers are removed where ``num_workers`` is 0.

    Args:
        cfg: Config of a training or a test, changed in place.

    Raises:
        ConfigError: If a value is not of its kind or out of its range.
    """
    for name in _DICTS:
        if isinstance(cfg.get(name), _PLAIN):
            raise ConfigError(f"Expected a dict `{name}`, got {cfg[name]!r}.")
    if not isinstance(cfg.get("custom_hooks") or [], list | tuple):
        raise ConfigError(f"Expected a list `custom_hooks`, got {cfg.custom_hooks!r}.")
    for names in _TRIPLES:
        missing = [name for name in names if cfg.get(name) is None]
        if 0 < len(missing) < len(names):
            given = [f"`{name}`" for name in names if name not in missing]
            raise ConfigError(
                f"The config has {' and '.join(given)} but no `{missing[0]}`; give all of "
                f"{', '.join(names)}, or none."
            )
    for name in ("load_from", "work_dir"):
        if not isinstance(cfg.get(name) or "", str):
            raise ConfigError(f"Expected a path `{name}`, got {cfg[name]!r}.")
    scope = cfg.get("default_scope", SCOPE)
    if not isinstance(scope, str | None):
        raise ConfigError(f"Expected a name `default_scope`, got {scope!r}.")
    with DefaultScope.overwrite_default_scope(scope):
        for name in ("train_dataloader", "val_dataloader", "test_dataloader"):
            if isinstance(cfg.get(name), Mapping):
                _check_loader(name, cfg[name])
        _check_loop(_mapping(cfg.get("train_cfg")))
        if isinstance(cfg.get("optim_wrapper"), Mapping):
            _check_optimisation(cfg.optim_wrapper)
            _check_constructor(cfg)
        _check_surroundings(cfg)
        for place, part, registry in _parts(cfg):
            _check_part(place, part, registry)


def _check_loader(place: str, loader: Any) -> None:
    if isinstance(dataset := loader.get("dataset"), (*_PLAIN, type(None))):
        raise ConfigError(f"Expected a dict `{place}.dataset`, got {dataset!r}.")
    for name in ("ann_file", "data_root"):
        if not isinstance(path := _mapping(dataset).get(name) or "", str):
            raise ConfigError(f"Expected a path `{place}.dataset.{name}`, got {path!r}.")
    for name, least in _WHOLE_OF_LOADER:
        _check_whole(f"{place}.{name}", loader.get(name), least)
    for name in ("drop_last", "pin_memory", "persistent_workers"):
        if not isinstance(loader.get(name, False), bool):
            raise ConfigError(f"Expected True or False for `{place}.{name}`, got {loader[name]!r}.")
    pipeline = dataset.get("pipeline", [{}]) if isinstance(dataset, Mapping) else [{}]
    if not isinstance(pipeline, list | tuple) or not pipeline:
        raise ConfigError(
            f"Expected a list of transforms `{place}.dataset.pipeline`, got {pipeline!r}."
        )
    timeout = loader.get("timeout", 0)
    if not isinstance(timeout, int | float) or timeout < 0:
        raise ConfigError(f"Expected seconds `{place}.timeout` >= 0, got {timeout!r}.")
    if not loader.get("num_workers"):
        for name in _OF_WORKERS:
            loader.pop(name, None)
    collate = loader.get("collate_fn")
    kind = collate.get("type") if isinstance(collate, Mapping) else None
    if isinstance(kind, str) and root.FUNCTIONS.get(kind) is None:
        raise ConfigError(not_registered(kind, root.FUNCTIONS.name))


def _check_loop(loop: Mapping[str, Any]) -> None:
    for name in ("max_epochs", "max_iters", "val_interval"):
        _check_whole(f"train_cfg.{name}", loop.get(name), 1)
    _check_whole("train_cfg.val_begin", loop.get("val_begin"), 0)
    if not isinstance(by_epoch := loop.get("by_epoch", True), bool):
        raise ConfigError(f"Expected True or False for `train_cfg.by_epoch`, got {by_epoch!r}.")


def _check_optimisation(wrapper: Mapping[str, Any]) -> None:
    _check_whole("optim_wrapper.accumulative_counts", wrapper.get("accumulative_counts"), 1)
    optimizer = wrapper.get("optimizer")
    constructor = str(wrapper.get("constructor", _CONSTRUCTORS[0])).rpartition(".")[2]
    if constructor in _CONSTRUCTORS and not isinstance(optimizer, Mapping):
        is_unnamed = "type" not in wrapper and "constructor" not in wrapper
        if optimizer is None and is_unnamed and len(wrapper) > 0:
            return  # Several wrappers, by name.
        raise ConfigError(f"Expected a dict `optim_wrapper.optimizer`, got {optimizer!r}.")
    kind = optimizer.get("type") if isinstance(optimizer, Mapping) else None
    if isinstance(kind, str) and root.OPTIMIZERS.get(kind) is None:
        raise ConfigError(not_registered(kind, root.OPTIMIZERS.name))
    if not isinstance(encoders := wrapper.get("encoders", {}), Mapping):
        raise ConfigError(f"Expected a dict `optim_wrapper.encoders`, got {encoders!r}.")
    _check_clipping(wrapper.get("clip_grad"))
    if constructor in _CONSTRUCTORS:
        _check_paramwise(wrapper.get("paramwise_cfg"))


def _check_clipping(limits: Any) -> None:
    place = "optim_wrapper.clip_grad"
    if limits is None:
        return
    if not isinstance(limits, Mapping):
        raise ConfigError(f"Expected a dict `{place}`, got {limits!r}.")
    kind = limits.get("type", "norm")
    if kind not in _CLIPPING:
        raise ConfigError(f"Expected `{place}.type` of {', '.join(_CLIPPING)}, got {kind!r}.")
    _refuse_unread(
        place, limits, ["type", *list(inspect.signature(_CLIPPING[kind]).parameters)[1:]]
    )
    for name in ("max_norm", "clip_value"):
        value = limits.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigError(f"Expected a number `{place}.{name}`, got {value!r}.")
        if value <= 0:  # Gradients would be turned round, or be none.
            raise ConfigError(f"Expected `{place}.{name}` > 0, got {value}.")


def _check_paramwise(settings: Any) -> None:
    place = "optim_wrapper.paramwise_cfg"
    if settings is None:
        return
    if not isinstance(settings, Mapping):
        raise ConfigError(f"Expected a dict `{place}`, got {settings!r}.")
    _refuse_unread(place, settings, _PARAMWISE)
    custom = settings.get("custom_keys", {})
    if not isinstance(custom, Mapping):
        raise ConfigError(f"Expected a dict `{place}.custom_keys`, got {custom!r}.")
    factors = {
        f"{place}.{name}": value
        for name, value in settings.items()
        if name.endswith("_mult") and value is not None
    }
    for key, own in custom.items():
        if not isinstance(own, Mapping):
            raise ConfigError(
                f"Expected a dict such as dict(lr_mult=0.1) for `{place}.custom_keys['{key}']`, "
                f"got {own!r}."
            )
        _refuse_unread(f"{place}.custom_keys['{key}']", own, _OF_CUSTOM_KEY)
        factors |= {f"{place}.custom_keys['{key}'].{name}": v for name, v in own.items()}
    for name, value in factors.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigError(f"Expected a number `{name}`, got {value!r}.")


def _refuse_unread(place: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise ConfigError(
                f"Nothing reads `{place}.{name}`; the names that are read are {', '.join(known)}."
            )


def _check_constructor(cfg: Config) -> None:
    """Refuse the constructor of mmaction2 that knows the names of two backbones alone."""
    name = str(cfg.optim_wrapper.get("constructor")).rpartition(".")[2]
    backbone = str(_mapping(_mapping(cfg.get("model")).get("backbone")).get("type"))
    if name == _LAYER_DECAY and not any(known in backbone for known in _KNOWN_TO_LAYER_DECAY):
        raise ConfigError(
            f"`optim_wrapper.constructor` {name} of mmaction2 reads the layers of a "
            f"`model.backbone` of type {' or '.join(_KNOWN_TO_LAYER_DECAY)}, and the model has "
            "none. Remove it, and lower the rate of an encoder by optim_wrapper.paramwise_cfg="
            "dict(custom_keys={'video_backbone.encoder': dict(lr_mult=0.1)})."
        )


def _check_surroundings(cfg: Config) -> None:
    randomness = _mapping(cfg.get("randomness"))
    _refuse_unread("randomness", randomness, _OF_RANDOMNESS)
    seed = randomness.get("seed")
    _check_whole("randomness.seed", seed, 0)
    if seed is not None and seed > _LARGEST_SEED:
        raise ConfigError(f"Expected `randomness.seed` <= {_LARGEST_SEED}, got {seed}.")
    base = _mapping(cfg.get("auto_scale_lr")).get("base_batch_size")
    _check_whole("auto_scale_lr.base_batch_size", base, 1)
    level = cfg.get("log_level") or "INFO"
    if isinstance(level, str) and level not in (levels := logging.getLevelNamesMapping()):
        raise ConfigError(f"Expected `log_level` of {', '.join(levels)}, got {level!r}.")
    for name in ("mp_cfg", "dist_cfg"):
        given = _mapping(cfg.get("env_cfg")).get(name)
        if isinstance(given, _PLAIN):
            raise ConfigError(f"Expected a dict `env_cfg.{name}`, got {given!r}.")
    processes = _mapping(_mapping(cfg.get("env_cfg")).get("mp_cfg"))
    method = processes.get("mp_start_method", "fork")
    if method not in (known := multiprocessing.get_all_start_methods()):
        raise ConfigError(
            f"Expected `env_cfg.mp_cfg.mp_start_method` of {', '.join(known)}, got {method!r}."
        )


def _check_whole(place: str, value: Any, least: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(f"Expected a whole number `{place}`, got {value!r}.")
    if value < least:
        bound = "> 0" if least == 1 else f">= {least}"
        raise ConfigError(f"Expected `{place}` {bound}, got {value}.")


def _check_part(place: str, part: Any, registry: Registry) -> None:
    """Refuse what is no part, and values of another kind: some parts use them hours later."""
    if isinstance(part, _PLAIN):
        raise ConfigError(f"Expected a dict `{place}`, got {part!r}.")
    if not isinstance(part, Mapping):
        return  # Nothing, or a part that is built.
    kind = part.get("type")
    is_by_names = place == "param_scheduler" or "metrics" in part
    if kind is None and not is_by_names:
        raise ConfigError(f"Expected a `type` in `{place}`, got {dict(part)}.")
    found = registry.get(kind) if isinstance(kind, str) else kind
    if not callable(found):
        return
    for name in numbers_as_text(found, part):
        raise ConfigError(f"Expected a number `{place}.{name}`, got {part[name]!r}.")
    for name in numbers_as_lists(found, part):
        raise ConfigError(f"Expected a list `{place}.{name}`, got {part[name]!r}.")


def _parts(cfg: Config) -> Iterator[tuple[str, Any, Registry]]:
    """Yield the parts of a config whose arguments are used after they were made."""
    wrapper = _mapping(cfg.get("optim_wrapper"))
    places: list[tuple[str, Any, Registry]] = [
        ("optim_wrapper", {"type": "OptimWrapper", **wrapper}, OPTIM_WRAPPERS),
        ("optim_wrapper.optimizer", wrapper.get("optimizer"), root.OPTIMIZERS),
        (
            "log_processor",
            {"type": "LogProcessor", **_mapping(cfg.get("log_processor"))},
            root.LOG_PROCESSORS,
        ),
        *((f"default_hooks.{k}", v, HOOKS) for k, v in _mapping(cfg.get("default_hooks")).items()),
        *_listed("custom_hooks", cfg.get("custom_hooks"), HOOKS),
        *_listed("param_scheduler", cfg.get("param_scheduler"), root.PARAM_SCHEDULERS),
    ]
    for name in ("val_evaluator", "test_evaluator"):
        places += _listed(name, cfg.get(name), METRICS)
    for name in ("train_dataloader", "val_dataloader", "test_dataloader"):
        loader = cfg.get(name)
        if isinstance(loader, Mapping):
            places.append((f"{name}.sampler", loader.get("sampler"), DATA_SAMPLERS))
            dataset = loader.get("dataset")
            pipeline = dataset.get("pipeline") if isinstance(dataset, Mapping) else None
            places += _listed(f"{name}.dataset.pipeline", pipeline, TRANSFORMS)
    yield from places


def _listed(place: str, parts: Any, registry: Registry) -> list[tuple[str, Any, Registry]]:
    if isinstance(parts, list | tuple):
        return [(f"{place}.{number}", part, registry) for number, part in enumerate(parts)]
    return [(place, parts, registry)]


def _mapping(value: Any) -> Mapping[str, Any]:
    """Return a dict of the config; an empty one for what is not there, or is a built part."""
    return value if isinstance(value, Mapping) else {}
