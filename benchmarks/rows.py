"""One line of a benchmark's table: something measured, and what it is measured against."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from benchmarks.timing import Comparison, median_and_range

Unit = Literal["ms", "MB", "kB", "clips/s"]


class NotMeasuredError(Exception):
    """Something cannot be measured here; the message says why."""


@dataclass(frozen=True)
class Row:
    """A measured comparison.

    Attributes:
        what: What was measured.
        setting: Sizes and types.
        peer: What it is compared with.
        unit: Of the two values.
        value: Median of ours.
        peer_value: Median of the peer's.
        ratio: Median of the ratios of the rounds; how many times faster for a speed-up, how
            many times the peer's for a cost.
        lowest: Lowest ratio of a round.
        highest: Highest ratio of a round.
        num_rounds: How many rounds.
        is_cost: Whether the ratio is a cost: lower is better.
        goal: Key of the goal that the ratio is held against; None without one.
    """

    what: str
    setting: str
    peer: str
    unit: Unit
    value: float
    peer_value: float
    ratio: float
    lowest: float
    highest: float
    num_rounds: int
    is_cost: bool = False
    goal: str | None = None


def make_row(
    what: str,
    setting: str,
    peer: str,
    unit: Unit,
    values: Sequence[float],
    peer_values: Sequence[float],
    ratios: Sequence[float],
    *,
    is_cost: bool = False,
    goal: str | None = None,
) -> Row:
    """Return the row of what was measured in each round; arguments as of :class:`Row`."""
    ratio, lowest, highest = median_and_range(ratios)
    both = median(values), median(peer_values)
    return Row(what, setting, peer, unit, *both, ratio, lowest, highest, len(ratios), is_cost, goal)


def speed_row(
    what: str, setting: str, peer: str, comparison: Comparison, goal: str | None = None
) -> Row:
    """Return the row that says how many times faster than its peer something is."""
    both = comparison.milliseconds
    return make_row(what, setting, peer, "ms", *both, comparison.speedups, goal=goal)


def cost_row(
    what: str, setting: str, peer: str, comparison: Comparison, goal: str | None = None
) -> Row:
    """Return the row that says how many times its peer's time something takes."""
    both = comparison.milliseconds
    return make_row(what, setting, peer, "ms", *both, comparison.costs, is_cost=True, goal=goal)


def memory_row(
    what: str,
    setting: str,
    peer: str,
    num_bytes: Sequence[int],
    peer_bytes: Sequence[int],
    goal: str | None = None,
) -> Row:
    """Return the row that says how many times its peer's peak memory something needs.

    Args:
        what: As in :class:`Row`.
        setting: As in :class:`Row`.
        peer: As in :class:`Row`.
        num_bytes: Peak of each round.
        peer_bytes: The peer's.
        goal: As in :class:`Row`.
    """
    # A step that needs next to nothing must not divide by zero.
    ratios = [own / max(other, 1) for own, other in zip(num_bytes, peer_bytes, strict=True)]
    own, other = ([number / 1e6 for number in values] for values in (num_bytes, peer_bytes))
    return make_row(what, setting, peer, "MB", own, other, ratios, is_cost=True, goal=goal)
