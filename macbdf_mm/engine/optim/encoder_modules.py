"""The encoders of a model, by the names that a config gives them."""

import difflib
from collections.abc import Mapping

from mmengine.model import is_model_wrapper
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from macbdf_mm.errors import ConfigError


def find_encoders(model: nn.Module, encoders: Mapping[str, str]) -> dict[str, nn.Module]:
    """Return the encoders of a model, by name.

    Args:
        model: The model without a distributed wrapper.
        encoders: Name for the log -> dotted path of the module in the model.

    Raises:
        ConfigError: If none is given, a path leads nowhere or to a module without parameters,
            or two encoders share a parameter.
    """
    if not encoders:
        raise ConfigError("`encoders` names no module whose gradients could be balanced.")
    found = {name: _find(model, name, path) for name, path in encoders.items()}
    owner: dict[int, str] = {}
    for name, module in found.items():
        for parameter_name, parameter in module.named_parameters():
            other = owner.setdefault(id(parameter), name)
            if other != name:
                raise ConfigError(
                    f"`encoders`: '{other}' ({encoders[other]}) and '{name}' ({encoders[name]}) "
                    f"share the parameter '{parameter_name}'; name them as one encoder."
                )
    return found


def unwrap_model(model: nn.Module) -> tuple[nn.Module, DistributedDataParallel | None]:
    """Return the bare model, and the wrapper that spreads it over processes, if there is one.

    Raises:
        ConfigError: If the wrapper shares gradients in a way that cannot be put off.
    """
    wrapper = model if isinstance(model, DistributedDataParallel) else None
    bare = wrapper.module if wrapper is not None else model
    for module in bare.modules():
        if is_model_wrapper(module):
            raise ConfigError(
                f"The two gradients of an encoder are shared between processes through "
                f"MMDistributedDataParallel around the whole model; {type(module).__name__} "
                "is not supported."
            )
    return bare, wrapper


def _find(model: nn.Module, name: str, path: str) -> nn.Module:
    modules = dict(model.named_modules())
    if path not in modules or not path:
        near = difflib.get_close_matches(path, modules, n=1, cutoff=0.5)
        children = ", ".join(child for child, _ in model.named_children())
        hint = f"did you mean '{near[0]}'?" if near else f"its children are {children}."
        raise ConfigError(
            f"`encoders`: {type(model).__name__} has no module '{path}' for '{name}'; {hint}"
        )
    if next(modules[path].parameters(), None) is None:
        raise ConfigError(f"`encoders`: module '{path}' for '{name}' has no parameters.")
    return modules[path]
