"""How figures spread over seeds, and how two variants differ seed by seed."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spread:
    """A figure over several seeds.

    Attributes:
        mean: Its mean; NaN without values.
        std: Its standard deviation (divisor n - 1); NaN for fewer than two values.
        low: The lowest value.
        high: The highest value.
        count: How many values there are.
    """

    mean: float
    std: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        """Return it as text with three decimals, a dash without values."""
        return self.format()

    def format(self, signed: bool = False) -> str:
        """Return mean, standard deviation and range as text; a dash without values.

        Args:
            signed: Whether to write plus signs, as for differences.
        """
        if not self.count:
            return "-"
        form = "{:+.3f}" if signed else "{:.3f}"
        if self.count == 1:
            return form.format(self.mean)
        extent = f"{form.format(self.low)} to {form.format(self.high)}"
        return f"{form.format(self.mean)} ± {self.std:.3f} ({extent})"


def spread(values: Iterable[float | None]) -> Spread:
    """Return the spread of the values that are known: neither None nor NaN."""
    known = np.array([v for v in values if v is not None and not math.isnan(v)], dtype=np.float64)
    if not known.size:
        return Spread(math.nan, math.nan, math.nan, math.nan, 0)
    return Spread(
        mean=float(known.mean()),
        std=float(known.std(ddof=1)) if known.size > 1 else math.nan,
        low=float(known.min()),
        high=float(known.max()),
        count=int(known.size),
    )


def paired_spread(
    values: Mapping[int, float | None], reference: Mapping[int, float | None]
) -> Spread:
    """Return the spread of ``values - reference`` over the seeds that both have.

    Runs of one seed begin with the same random numbers and see the clips in the same order, so
    the differences spread less than the figures themselves.

    Args:
        values: A figure by seed.
        reference: The same figure of the variant to compare with.
    """
    pairs = [(value, reference.get(seed)) for seed, value in values.items()]
    return spread(a - b for a, b in pairs if a is not None and b is not None)
