"""One line of a benchmark's table: something measured, and what it is measured against."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

import torch

from benchmarks.settings import CPU, Settings
from benchmarks.timing import Call

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
    values: Sequence[float],
    peer_values: Sequence[float],
    *,
    unit: Unit = "ms",
    is_cost: bool = False,
    goal: str | None = None,
) -> Row:
    """Return the row of what was measured in each round; arguments as of :class:`Row`.

    Milliseconds are a speed-up, unless they are said to be a cost.
    """
    pairs = list(zip(values, peer_values, strict=True))
    if unit == "ms" and not is_cost:
        pairs = [(other, own) for own, other in pairs]
    # What needs next to nothing, as the memory of a step can, must not divide by zero.
    ratios = [one / max(other, 1e-6) for one, other in pairs]
    both = median(values), median(peer_values)
    spread = median(ratios), min(ratios), max(ratios)
    return Row(what, setting, peer, unit, *both, *spread, len(ratios), is_cost, goal)


def compare(
    what: str,
    setting: str,
    peer: str,
    call: Call,
    peer_call: Call,
    settings: Settings,
    *,
    num_rounds: int | None = None,
    device: torch.device = CPU,
    goal: str | None = None,
) -> Row:
    """Return the row that says how many times faster than its peer a call is.

    Arguments as of :class:`Row`, :func:`make_row` and :meth:`.Settings.measure`.
    """
    times = settings.measure({"own": call, "peer": peer_call}, num_rounds, device)
    return make_row(what, setting, peer, times["own"], times["peer"], goal=goal)
