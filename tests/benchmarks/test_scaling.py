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
    draw_scaling,
    fit_linear_law,
    fit_power_law,
    measure_blocks,
    measure_scaling,
    run_scaling,
    save_scaling,
    scaling_markdown,
)
from benchmarks.settings import Settings

SIZES = (1.0, 2.0, 4.0, 8.0)


def test_laws_are_recovered_from_points_that_follow_them() -> None:
    sizes = np.array(SIZES)
    assert fit_power_law(SIZES, (3.0 * sizes**1.5).tolist()) == pytest.approx((3.0, 1.5))
    assert fit_linear_law(SIZES, (2.0 + 0.5 * sizes).tolist()) == pytest.approx((2.0, 0.5))


def test_linear_fit_weighs_relative_errors() -> None:
    """The normal equations of the weighted problem, solved on their own."""
    costs = np.array([1.0, 3.0, 4.0, 20.0])
    design = np.stack([np.ones(4), SIZES], axis=1) / costs[:, None]
    expected = np.linalg.lstsq(design, np.ones(4), rcond=None)[0]
    assert fit_linear_law(SIZES, costs.tolist()) == pytest.approx(tuple(expected))


def test_worst_error_is_relative() -> None:
    (row,) = GrowthCurve("batch", (1, 2, 4), {OURS: (1.0, 4.0, 4.0)}).table_rows()
    # By hand: exponent 1, factor (1 * 4 * 4 / 8) ** (1 / 3) = 1.26, so 26% too much at 1 and at 4,
    # 37% too little at 2.
    assert row[3] == "1.26 x^1.00 (37%)"


def test_a_workload_is_measured_on_both_sides(tiny_settings: Settings) -> None:
    costs = measure_blocks(tiny_settings, steps=2, side=3, batch=1, depth=2, width=3)
    assert set(costs) == {OURS, STOCK}
    assert all(cost > 0 for cost in costs.values())


def test_each_axis_changes_one_size_alone() -> None:
    for axis, (sizes, changes) in AXES.items():
        (low,), (high,) = (changes(size).values() for size in (sizes[0], sizes[-1]))
        power = 2 if axis == "positions a step" else 1
        assert (low**power, high**power) == (sizes[0], sizes[-1]), axis


def test_curves_hold_a_cost_a_size(
    tiny_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        scaling,
        "measure_blocks",
        lambda *_, batch=1, **__: {OURS: 2.0 * batch, STOCK: 3.0 * batch**2},
    )
    curves = {curve.axis: curve for curve in measure_scaling(tiny_settings)}
    assert set(curves) == set(AXES)
    batch = curves["batch"]
    assert batch.milliseconds == {OURS: (2, 4, 8, 16), STOCK: (3, 12, 48, 192)}
    ours, stock = batch.table_rows()
    assert stock[3] == "3 x^2.00 (0%)"
    assert ours[4].endswith("+ 2 x (0%)")


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


def test_the_whole_leaves_table_and_picture(
    tiny_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scaling, "measure_scaling", lambda settings: CURVES[1:])
    text = run_scaling(tiny_settings, tmp_path)
    assert "| depth | ours | 1: 1, 2: 2 |" in text
    assert (tmp_path / "scaling.md").read_text() == text


def test_files_are_written(tmp_path: Path) -> None:
    save_scaling(tmp_path / "new", {"GPU": "none"}, CURVES)
    saved = json.loads((tmp_path / "new" / "scaling.json").read_text())
    assert saved["curves"][1]["sizes"] == [1, 2]
    assert (tmp_path / "new" / "scaling.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((tmp_path / "new").iterdir())) == 3
