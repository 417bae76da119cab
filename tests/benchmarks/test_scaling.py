import pytest

from benchmarks import scaling
from benchmarks.scaling import (
    AXES,
    OURS,
    STOCK,
    GrowthCurve,
    Workload,
    measure_scaling,
    measure_workload,
)
from benchmarks.settings import Settings

TINY = Workload(steps=2, side=3, width=3)


def test_a_workload_is_measured_on_both_sides(tiny_settings: Settings) -> None:
    costs = measure_workload(TINY, tiny_settings, num_rounds=1)
    assert set(costs) == {OURS, STOCK}
    assert all(cost > 0 for cost in costs.values())


def test_each_axis_changes_one_size_alone() -> None:
    for axis, (sizes, workload) in AXES.items():
        first, last = (vars(workload(size)) for size in (sizes[0], sizes[-1]))
        changed = {name: (first[name], last[name]) for name in first if first[name] != last[name]}
        ((low, high),) = changed.values()
        power = 2 if axis == "positions a step" else 1
        assert (low**power, high**power) == (sizes[0], sizes[-1]), axis


def test_curves_hold_a_cost_a_size(
    tiny_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        scaling,
        "measure_workload",
        lambda workload, *_: {OURS: 2.0 * workload.batch, STOCK: 3.0 * workload.batch**2},
    )
    curves = {curve.axis: curve for curve in measure_scaling(tiny_settings)}
    assert set(curves) == set(AXES)
    batch = curves["batch"]
    assert batch.milliseconds == {OURS: (2, 4, 8, 16), STOCK: (3, 12, 48, 192)}
    assert batch.power_law(STOCK).exponent == pytest.approx(2)
    assert batch.linear_law(OURS).slope == pytest.approx(2)


def test_table_states_points_and_laws() -> None:
    curve = GrowthCurve("batch", (1, 2), {OURS: (2.0, 4.0)})
    (row,) = curve.table_rows()
    assert row == ("batch", OURS, "1: 2, 2: 4", "2 x^1.00 (0%)", row[-1])
