"""Laws of how cost grows with a size, fitted to measured points."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class PowerLaw:
    """cost = factor * size ** exponent."""

    factor: float
    exponent: float

    def __call__(self, sizes: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the cost of each size."""
        return self.factor * np.asarray(sizes, np.float64) ** self.exponent


@dataclass(frozen=True)
class LinearLaw:
    """cost = constant + slope * size."""

    constant: float
    slope: float

    def __call__(self, sizes: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the cost of each size."""
        return self.constant + self.slope * np.asarray(sizes, np.float64)


def fit_power_law(sizes: Sequence[float], costs: Sequence[float]) -> PowerLaw:
    """Return the power law with the least squared error of the logarithms.

    Args:
        sizes: At least two different ones, positive.
        costs: Positive, one a size.
    """
    exponent, logarithm = np.polyfit(np.log(sizes), np.log(costs), 1)
    return PowerLaw(float(np.exp(logarithm)), float(exponent))


def fit_linear_law(sizes: Sequence[float], costs: Sequence[float]) -> LinearLaw:
    """Return the linear law with the least squared relative error; arguments as above.

    Relative, for the largest cost would otherwise decide alone.
    """
    slope, constant = np.polyfit(sizes, costs, 1, w=1 / np.asarray(costs, np.float64))
    return LinearLaw(float(constant), float(slope))


def worst_error(law: PowerLaw | LinearLaw, sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return the largest relative error of a law over the measured points."""
    return float(np.max(np.abs(law(sizes) / np.asarray(costs, np.float64) - 1)))
