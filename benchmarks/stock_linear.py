"""PyTorch's own layer in place of a linear layer of ours."""

from torch import nn


def stock_linear(linear: nn.Linear) -> nn.Linear:
    """Return ``nn.Linear`` with the settings and the weights of ``linear``."""
    has_bias = linear.bias is not None
    stock = nn.Linear(linear.in_features, linear.out_features, bias=has_bias).to(linear.weight)
    stock.load_state_dict(linear.state_dict())
    return stock
