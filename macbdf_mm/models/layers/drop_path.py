"""Stochastic depth."""

from torch import Tensor, nn


class DropPath(nn.Module):
    """Drops a residual branch for whole clips in training (Huang et al. 2016).

    Args:
        rate: Probability of dropping the branch of a clip, in [0, 1).

    Raises:
        ValueError: If the rate is outside [0, 1).
    """

    def __init__(self, rate: float = 0.0) -> None:
        super().__init__()
        if not 0.0 <= rate < 1.0:
            raise ValueError(f"Expected `drop_path_rate` in [0, 1), got {rate}.")
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` (B, ...) with some clips zeroed and the others scaled by 1/(1 - rate)."""
        if not self.training or self.rate == 0.0:
            return x
        kept = x.new_empty(x.shape[0], *[1] * (x.dim() - 1)).bernoulli_(1.0 - self.rate)
        return x * kept / (1.0 - self.rate)

    def extra_repr(self) -> str:
        """Return the rate, for printing the module."""
        return f"rate={self.rate}"
