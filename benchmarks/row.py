"""One line of a benchmark's table, and what it is measured against."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from benchmarks.comparison import Comparison, median_and_range

Unit = Literal["ms", "MB", "kB", "clips/s"]


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


def speed_row(
    what: str, setting: str, peer: str, comparison: Comparison, goal: str | None = None
) -> Row:
    """Return the row that says how many times faster than its peer something is."""
    return _time_row(what, setting, peer, comparison, comparison.speedups, False, goal)


def cost_row(
    what: str, setting: str, peer: str, comparison: Comparison, goal: str | None = None
) -> Row:
    """Return the row that says how many times its peer's time something takes."""
    return _time_row(what, setting, peer, comparison, comparison.costs, True, goal)


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
    ratios = tuple(own / max(other, 1) for own, other in zip(num_bytes, peer_bytes, strict=True))
    values = median(num_bytes) / 1e6, median(peer_bytes) / 1e6
    return _row(what, setting, peer, "MB", values, ratios, True, goal)


def _time_row(
    what: str,
    setting: str,
    peer: str,
    comparison: Comparison,
    ratios: tuple[float, ...],
    is_cost: bool,
    goal: str | None,
) -> Row:
    values = median(comparison.seconds) * 1e3, median(comparison.peer_seconds) * 1e3
    return _row(what, setting, peer, "ms", values, ratios, is_cost, goal)


def _row(
    what: str,
    setting: str,
    peer: str,
    unit: Unit,
    values: tuple[float, float],
    ratios: tuple[float, ...],
    is_cost: bool,
    goal: str | None,
) -> Row:
    ratio, lowest, highest = median_and_range(ratios)
    return Row(
        what=what,
        setting=setting,
        peer=peer,
        unit=unit,
        value=values[0],
        peer_value=values[1],
        ratio=ratio,
        lowest=lowest,
        highest=highest,
        num_rounds=len(ratios),
        is_cost=is_cost,
        goal=goal,
    )
