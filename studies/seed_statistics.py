"""What several seeds say about a difference: its interval, and how many seeds would show it."""

import math
import statistics
from collections.abc import Iterable, Mapping

from scipy import stats

from macbdf_mm.evaluation.functional.comparison import seed_spread

_CONFIDENCE = 0.95
_POWER = 0.8
_MOST_SEEDS = 10_000


def known(values: Iterable[float | None]) -> list[float]:
    """Return the values that are known: neither None nor NaN."""
    return [value for value in values if value is not None and not math.isnan(value)]


def mean_and_std(values: Iterable[float | None]) -> tuple[float, float]:
    """Return mean and standard deviation (divisor n - 1) of the known values.

    NaN for a mean of none, and for a deviation of fewer than two.
    """
    found = known(values)
    mean = statistics.fmean(found) if found else math.nan
    return mean, statistics.stdev(found) if len(found) > 1 else math.nan


def paired_differences(
    values: Mapping[int, float | None], reference: Mapping[int, float | None]
) -> list[float]:
    """Return ``values - reference`` for each seed for which both are known.

    Runs of one seed begin with the same random numbers and see the clips in the same order, so
    the differences spread less than the figures themselves.

    Args:
        values: A figure by seed.
        reference: The same figure of the variant to compare with.
    """
    pairs = [(value, reference.get(seed)) for seed, value in values.items()]
    return known(a - b for a, b in pairs if a is not None and b is not None)


def t_interval(differences: Iterable[float]) -> tuple[float, float]:
    """Return the 95 % interval (low, high) of the mean by Student's t; NaN for fewer than two.

    Args:
        differences: Paired by seed.
    """
    found = list(differences)
    if not found:
        return math.nan, math.nan
    spread = seed_spread(found)
    return spread.low, spread.high


def seeds_needed(std: float, difference: float) -> int | None:
    """Return how many seeds a paired t-test needs to see a difference in four of five trials.

    Two-sided, at the level of 5 %, power 80 %.

    Args:
        std: Standard deviation of the paired differences.
        difference: Their true mean, > 0.

    Returns:
        At least 2; None if the deviation is not known, or for more than 10,000.
    """
    if math.isnan(std):
        return None
    low, high = 2, _MOST_SEEDS
    if std == 0 or _power(low, std, difference) >= _POWER:
        return low
    if _power(high, std, difference) < _POWER:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _power(middle, std, difference) >= _POWER else (middle, high)
    return high


def _power(num_seeds: int, std: float, difference: float) -> float:
    """Return the power of the test with so many seeds."""
    bound = stats.t.ppf((1 + _CONFIDENCE) / 2, num_seeds - 1)
    shift = difference / std * math.sqrt(num_seeds)
    # The other tail, which a difference of the wrong sign would fill, is negligible.
    return float(stats.nct.sf(bound, num_seeds - 1, shift))
