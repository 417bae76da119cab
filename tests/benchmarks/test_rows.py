import pytest

from benchmarks.rows import cost_row, memory_row, speed_row
from benchmarks.timing import Comparison

COMPARISON = Comparison(seconds=(0.1, 0.2, 0.4), peer_seconds=(0.4, 0.4, 0.4))


def test_speed_row_states_medians_and_speedups() -> None:
    row = speed_row("block", "B=2", "stock", COMPARISON, goal="block")
    assert (row.value, row.peer_value, row.unit) == (200.0, 400.0, "ms")
    assert (row.ratio, row.lowest, row.highest) == pytest.approx((2.0, 1.0, 4.0))
    assert (row.num_rounds, row.is_cost, row.goal) == (3, False, "block")


def test_cost_row_states_costs() -> None:
    row = cost_row("step", "B=1", "plain", COMPARISON)
    assert (row.ratio, row.lowest, row.highest) == pytest.approx((0.5, 0.25, 1.0))
    assert row.is_cost


def test_memory_row_is_a_cost_in_megabytes() -> None:
    row = memory_row("step", "B=1", "stock", [3_000_000], [2_000_000])
    assert (row.value, row.peer_value, row.ratio, row.unit) == (3.0, 2.0, 1.5, "MB")
    assert row.is_cost
    assert memory_row("step", "", "stock", [0], [0]).ratio == 0
