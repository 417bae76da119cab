"""Cut a model's graph at the outputs of its encoders."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from macbdf_mm.engine.optim.two_gradients import TwoGradients
from macbdf_mm.errors import ConfigError


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
