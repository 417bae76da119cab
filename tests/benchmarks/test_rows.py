from functools import partial
from pathlib import Path
from time import sleep

import pytest

from benchmarks.rows import compare, make_row
from benchmarks.settings import Settings


def test_milliseconds_are_medians_and_a_speedup_of_each_round() -> None:
    row = make_row("block", "B=2", "stock", (100, 200, 400), (400, 400, 400), goal="block")
    assert (row.value, row.peer_value, row.unit) == (200.0, 400.0, "ms")
    assert (row.ratio, row.lowest, row.highest) == pytest.approx((2.0, 1.0, 4.0))
    assert (row.num_rounds, row.is_cost, row.goal) == (3, False, "block")


def test_a_cost_is_the_inverse() -> None:
    row = make_row("step", "B=1", "plain", (100, 200, 400), (400, 400, 400), is_cost=True)
    assert (row.ratio, row.lowest, row.highest) == pytest.approx((0.5, 0.25, 1.0))
    assert row.is_cost


def test_memory_is_a_cost_and_can_be_nothing() -> None:
    row = make_row("step", "B=1", "stock", [3.0], [2.0], unit="MB", is_cost=True)
    assert (row.value, row.peer_value, row.ratio, row.unit) == (3.0, 2.0, 1.5, "MB")
    assert make_row("step", "", "stock", [0.0], [0.0], unit="MB", is_cost=True).ratio == 0


def test_more_clips_a_second_are_better() -> None:
    row = make_row("2 workers", "", "1 worker", [80.0], [40.0], unit="clips/s")
    assert (row.ratio, row.is_cost) == (2.0, False)


def test_comparison_is_of_call_and_peer() -> None:
    # More than one thread: time on the wall.
    settings = Settings(Path(), is_quick=True, num_threads=2)
    calls = partial(sleep, 0.01), partial(sleep, 0.03)
    row = compare("sleep", "10 ms", "30 ms", *calls, settings, num_rounds=2, goal="rest")
    assert row.ratio == pytest.approx(3.0, rel=0.3)
    assert (row.num_rounds, row.goal, row.unit) == (2, "rest", "ms")
