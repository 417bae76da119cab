"""The values of a config that MMEngine and PyTorch would refuse late, or with a riddle."""

import multiprocessing
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine import registry as root
from mmengine.config import Config
from mmengine.registry import DefaultScope, Registry

from macbdf_mm.apis.explain import not_registered, numbers_as_text
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
    "visualizer",
)
_PLAIN = (str, int, float, list, tuple)
_TRIPLES = (
    ("train_dataloader", "train_cfg", "optim_wrapper"),
    ("val_dataloader", "val_cfg", "val_evaluator"),
    ("test_dataloader", "test_cfg", "test_evaluator"),
)
# Settings of a loader that only workers have.
_OF_WORKERS = ("persistent_workers", "prefetch_factor", "timeout")
_LAYER_DECAY = "LearningRateDecayOptimizerConstructor"
_KNOWN_TO_LAYER_DECAY = ("MViT", "VisionTransformer")
_LARGEST_SEED = 2**32 - 1


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
    if not isinstance(cfg.get("load_from") or "", str):
        raise ConfigError(f"Expected a path `load_from`, got {cfg.load_from!r}.")
    with DefaultScope.overwrite_default_scope(cfg.get("default_scope", SCOPE)):
        for name in ("train_dataloader", "val_dataloader", "test_dataloader"):
            if isinstance(cfg.get(name), Mapping):
                _check_loader(name, cfg[name])
        _check_loop(_mapping(cfg.get("train_cfg")))
        if isinstance(cfg.get("optim_wrapper"), Mapping):
            _check_optimisation(cfg.optim_wrapper)
            _check_constructor(cfg)
        _check_surroundings(cfg)
        for place, part, registry in _parts(cfg):
            _check_numbers(place, part, registry)


def _check_loader(place: str, loader: Any) -> None:
    if isinstance(loader.get("dataset"), _PLAIN):
        raise ConfigError(f"Expected a dict `{place}.dataset`, got {loader['dataset']!r}.")
    for name, least in (("batch_size", 1), ("num_workers", 0), ("prefetch_factor", 1)):
        _check_whole(f"{place}.{name}", loader.get(name), least)
    for name in ("drop_last", "pin_memory", "persistent_workers"):
        if not isinstance(loader.get(name, False), bool):
            raise ConfigError(f"Expected True or False for `{place}.{name}`, got {loader[name]!r}.")
    dataset = loader.get("dataset")
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


def _check_optimisation(wrapper: Mapping[str, Any]) -> None:
    _check_whole("optim_wrapper.accumulative_counts", wrapper.get("accumulative_counts"), 1)
    optimizer = wrapper.get("optimizer")
    if "constructor" not in wrapper and not isinstance(optimizer, Mapping):
        if optimizer is None and "type" not in wrapper:
            return  # Several wrappers, by name.
        raise ConfigError(f"Expected a dict `optim_wrapper.optimizer`, got {optimizer!r}.")
    kind = optimizer.get("type") if isinstance(optimizer, Mapping) else None
    if isinstance(kind, str) and root.OPTIMIZERS.get(kind) is None:
        raise ConfigError(not_registered(kind, root.OPTIMIZERS.name))
    limits = wrapper.get("clip_grad")
    if limits is not None and not isinstance(limits, Mapping):
        raise ConfigError(f"Expected a dict `optim_wrapper.clip_grad`, got {limits!r}.")
    for name in ("max_norm", "clip_value"):
        value = (limits or {}).get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigError(f"Expected a number `optim_wrapper.clip_grad.{name}`, got {value!r}.")


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
    seed = _mapping(cfg.get("randomness")).get("seed")
    _check_whole("randomness.seed", seed, 0)
    if seed is not None and seed > _LARGEST_SEED:
        raise ConfigError(f"Expected `randomness.seed` <= {_LARGEST_SEED}, got {seed}.")
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


def _check_numbers(place: str, part: Mapping[str, Any], registry: Registry) -> None:
    """Raise ConfigError for text where a part takes a number: some use it hours later."""
    kind = part.get("type")
    found = registry.get(kind) if isinstance(kind, str) else kind
    for name in numbers_as_text(found, part) if callable(found) else ():
        raise ConfigError(f"Expected a number `{place}.{name}`, got {part[name]!r}.")


def _parts(cfg: Config) -> Iterator[tuple[str, Mapping[str, Any], Registry]]:
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
    yield from (one for one in places if isinstance(one[1], Mapping))


def _listed(place: str, parts: Any, registry: Registry) -> list[tuple[str, Any, Registry]]:
    if isinstance(parts, list | tuple):
        return [(f"{place}.{number}", part, registry) for number, part in enumerate(parts)]
    return [(place, parts, registry)]


def _mapping(value: Any) -> Mapping[str, Any]:
    """Return a dict of the config; an empty one for what is not there, or is a built part."""
    return value if isinstance(value, Mapping) else {}
