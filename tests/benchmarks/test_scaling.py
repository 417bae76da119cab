import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import scaling
from benchmarks.scaling import (
    AXES,
    OURS,
    STOCK,
    GrowthCurve,
    LinearLaw,
    PowerLaw,
    Workload,
    draw_scaling,
    fit_linear_law,
    fit_power_law,
    measure_scaling,
    measure_workload,
    save_scaling,
    scaling_markdown,
    worst_error,
)
from benchmarks.settings import Settings

SIZES = (1.0, 2.0, 4.0, 8.0)


def test_laws_are_recovered_from_points_that_follow_them() -> None:
    power = fit_power_law(SIZES, PowerLaw(3.0, 1.5)(SIZES).tolist())
    assert (power.factor, power.exponent) == pytest.approx((3.0, 1.5))
    linear = fit_linear_law(SIZES, LinearLaw(2.0, 0.5)(SIZES).tolist())
    assert (linear.constant, linear.slope) == pytest.approx((2.0, 0.5))


def test_linear_fit_weighs_relative_errors() -> None:
    """The normal equations of the weighted problem, solved on their own."""
    costs = np.array([1.0, 3.0, 4.0, 20.0])
    design = np.stack([np.ones(4), SIZES], axis=1) / costs[:, None]
    expected = np.linalg.lstsq(design, np.ones(4), rcond=None)[0]
    law = fit_linear_law(SIZES, costs.tolist())
    assert (law.constant, law.slope) == pytest.approx(tuple(expected))


def test_worst_error_is_relative() -> None:
    assert worst_error(LinearLaw(0.0, 1.0), (1.0, 2.0), (2.0, 2.5)) == pytest.approx(0.5)


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


CURVES = [
    GrowthCurve("batch", (1, 2, 4), {OURS: (1.0, 2.0, 4.0), STOCK: (3.0, 6.0, 12.0)}),
    GrowthCurve("depth", (1, 2), {OURS: (1.0, 2.0), STOCK: (3.0, 6.0)}),
]


def test_table_has_a_line_for_each_side_of_each_curve() -> None:
    text = scaling_markdown({"GPU": "none"}, CURVES)
    assert text.startswith("GPU: none")
    assert "| batch | stock layers | 1: 3, 2: 6, 4: 12 | 3 x^1.00 (0%) |" in text
    assert sum(line.startswith(("| batch", "| depth")) for line in text.splitlines()) == 4


def test_picture_shows_the_points_and_the_exponents() -> None:
    figure = draw_scaling(CURVES)
    assert [axes.get_xlabel() for axes in figure.axes] == ["batch", "depth"]
    points = figure.axes[0].lines[0]
    assert list(points.get_xdata()) == [1, 2, 4]
    assert list(points.get_ydata()) == [1.0, 2.0, 4.0]
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["ours, 1.00", "stock layers, 1.00"]


def test_files_are_written(tmp_path: Path) -> None:
    save_scaling(tmp_path / "new", {"GPU": "none"}, CURVES)
    saved = json.loads((tmp_path / "new" / "scaling.json").read_text())
    assert saved["curves"][1]["sizes"] == [1, 2]
    assert (tmp_path / "new" / "scaling.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((tmp_path / "new").iterdir())) == 3
