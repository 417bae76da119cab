"""The passes through a module as calls without arguments, for a clock."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from benchmarks.clock import Call


def forward_call(module: nn.Module, x: Tensor, grad: Tensor) -> Call:
    """Return the call of a forward pass without gradients.

    Args:
        module: From a tensor to a tensor.
        x: Its input.
        grad: Not read; here for the signature of :func:`training_call`.
    """

    def call() -> None:
        with torch.no_grad():
            module(x)

    return call


def training_call(module: nn.Module, x: Tensor, grad: Tensor) -> Call:
    """Return the call of a forward and a backward pass, by the input and all parameters.

    Args:
        module: From a tensor to a tensor.
        x: Its input.
        grad: The output's gradient.
    """
    x = x.detach().requires_grad_()
    inputs = [x, *(parameter for parameter in module.parameters() if parameter.requires_grad)]

    def call() -> None:
        # Not .backward(): it would add to the gradients of the call before.
        torch.autograd.grad(module(x), inputs, grad)

    return call


def all_calls(calls: Sequence[Call]) -> Call:
    """Return the call that makes all of some calls, one after the other."""

    def call_all() -> None:
        for call in calls:
            call()

    return call_all
