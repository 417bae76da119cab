"""What the random transforms share: how often a clip is changed, and the checks of ranges."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from macbdf_mm.errors import ArgumentError


class RandomChange(ABC):
    """A transform that changes a clip at random, or returns it as it is.

    Args:
        probability: How often anything is changed.

    Raises:
        ValueError: If the probability is outside of [0, 1].
    """

    def __init__(self, probability: float) -> None:
        check_probability("probability", probability)
        self.probability = probability

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``results``, changed or not."""
        if np.random.random() < self.probability:
            self.change(results)
        return results

    @abstractmethod
    def change(self, results: dict[str, Any]) -> None:
        """Replace what changes in ``results``; arrays that were there stay as they are."""


def check_probability(name: str, value: float) -> None:
    """Check that an argument is a probability.

    Raises:
        ValueError: If it is outside of [0, 1].
    """
    check_bounds(name, value, 0, 1)


def check_bounds(name: str, value: float, least: float, most: float) -> None:
    """Check that an argument lies within bounds.

    Raises:
        ValueError: If it does not.
    """
    if not least <= value <= most:
        raise ArgumentError(f"Expected `{name}` in [{least:g}, {most:g}], got {value}.")


def check_range(name: str, values: tuple[float, float], least: float, most: float) -> None:
    """Check that an argument is a pair (low, high) within bounds.

    Raises:
        ValueError: If low > high, or one of them is out of bounds.
    """
    low, high = values
    if not least <= low <= high <= most:
        raise ArgumentError(
            f"Expected `{name}` (low, high) with {least:g} <= low <= high <= {most:g}, "
            f"got ({low:g}, {high:g})."
        )


def check_order(low_name: str, low: float, high_name: str, high: float) -> None:
    """Check that two arguments are the ends of a range.

    Raises:
        ValueError: If the first is above the second.
    """
    if low > high:
        raise ArgumentError(f"Expected `{low_name}` <= `{high_name}`, got {low} and {high}.")
