import torch
from torch import Tensor, nn

from benchmarks.passes import all_calls, forward_call, training_call


class _Record(torch.autograd.Function):
    """The identity, which notes the gradients that come back."""

    grads: list[Tensor] = []

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> Tensor:
        _Record.grads.append(grad)
        return grad


class Spy(nn.Module):
    """Multiplies by its weight; notes whether gradients were enabled."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.seen: list[bool] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(torch.is_grad_enabled())
        return _Record.apply(x * self.weight)


def test_forward_call_has_no_gradients() -> None:
    spy = Spy()
    forward_call(spy, torch.ones(3), torch.ones(3))()
    assert spy.seen == [False]


def test_training_call_sends_the_given_gradient_back_and_keeps_none() -> None:
    spy, grad = Spy(), torch.tensor([1.0, 2.0, 3.0])
    _Record.grads.clear()
    call = training_call(spy, torch.ones(3), grad)
    all_calls([call, call])()
    assert spy.seen == [True, True]
    assert len(_Record.grads) == 2
    for received in _Record.grads:
        torch.testing.assert_close(received, grad)
    assert spy.weight.grad is None
