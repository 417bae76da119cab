import json
from pathlib import Path

from benchmarks.scaling import OURS, STOCK, GrowthCurve
from benchmarks.scaling_report import draw_scaling, save_scaling, scaling_markdown

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
