"""The encoders of a model: found by name, and the graph cut at what they return."""

import difflib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from mmengine.model import is_model_wrapper
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils._pytree import tree_map_only

from macbdf_mm.engine.optim.gradients import TwoGradients
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


class FeatureLeaves:
    """The encoders' outputs, each replaced by a leaf at which both objectives' gradients gather.

    So the two backward passes end at the encoders, and one pass through the encoders with the
    combined gradient follows (MGDA-UB, Sener and Koltun 2018).

    Args:
        encoders: Name -> module.
    """

    def __init__(self, encoders: Mapping[str, nn.Module]) -> None:
        self.encoders = dict(encoders)
        self.outputs: dict[str, list[Tensor]] = {}
        self.gradients: dict[str, TwoGradients] = {}

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Cut the graph of a forward pass inside the context."""
        self.outputs = {name: [] for name in self.encoders}
        self.gradients = {name: TwoGradients([]) for name in self.encoders}
        with ExitStack() as stack:
            for name, module in self.encoders.items():
                handle = module.register_forward_hook(self._hook(name))
                stack.callback(handle.remove)
            yield

    def check(self) -> None:
        """Raise a ConfigError if an encoder that trains was not seen in the forward pass."""
        for name, module in self.encoders.items():
            trains = any(parameter.requires_grad for parameter in module.parameters())
            if trains and not self.outputs.get(name):
                raise ConfigError(
                    f"`gradients='features'` needs the output of the encoder '{name}', which the "
                    "forward pass did not call as a module, or called without a gradient; use "
                    "`gradients='parameters'`."
                )

    def backward(self) -> None:
        """Run backward through the encoders, from the combined gradients at their outputs."""
        outputs, gradients = [], []
        for name, ends in self.outputs.items():
            for output, leaf in zip(ends, self.gradients[name].tensors, strict=True):
                if leaf.grad is not None:
                    outputs.append(output)
                    gradients.append(leaf.grad)
        if outputs:
            torch.autograd.backward(outputs, gradients)
        self.outputs, self.gradients = {}, {}

    def _hook(self, name: str) -> Any:
        def replace(output: Tensor) -> Tensor:
            if not output.requires_grad:
                return output
            leaf = output.detach().requires_grad_()
            self.outputs[name].append(output)
            gradients = self.gradients[name]
            self.gradients[name] = TwoGradients([*gradients.tensors, leaf])
            # A leaf must not be changed in place, as a ReLU behind the encoder may want to.
            return leaf.clone()

        return lambda _module, _args, output: tree_map_only(Tensor, replace, output)


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
