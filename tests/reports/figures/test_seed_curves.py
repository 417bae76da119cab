import numpy as np
from matplotlib.colors import to_hex

from macbdf_mm.reports.figures.seed_curves import CurvePanel, SeedCurve, draw_seed_curves
from macbdf_mm.reports.figures.theme import DARK

VALUES = np.array([[0.5, 0.6, np.nan], [0.7, 0.9, np.nan], [0.6, np.nan, np.nan]])


def panel(title="AUC", labels=("with",)):
    curves = [
        SeedCurve(label, "video", np.arange(3.0), VALUES, label != "with") for label in labels
    ]
    return CurvePanel(title, "epoch", curves)


def test_the_line_is_the_mean_and_the_band_the_range_of_what_is_known():
    axes = draw_seed_curves([panel()], 1).axes[0]
    (line,), (band,) = axes.get_lines(), axes.collections
    np.testing.assert_allclose(line.get_xydata(), [[0, 0.6], [1, 0.75]])
    low, high = (
        np.array(edge)
        for edge in (band.get_datalim(axes.transData).min, band.get_datalim(axes.transData).max)
    )
    np.testing.assert_allclose([low, high], [[0, 0.5], [1, 0.9]])


def test_panels_fill_a_grid_and_the_rest_of_it_is_empty():
    figure = draw_seed_curves([panel(str(i)) for i in range(5)], 3)
    assert len(figure.axes) == 6
    assert [axes.get_title(loc="left") for axes in figure.axes] == [*"01234", ""]
    assert [axes.axison for axes in figure.axes] == [True] * 5 + [False]


def test_a_legend_stands_once_for_the_same_curves():
    figure = draw_seed_curves([panel(), panel(), panel(labels=("with", "without"))], 3)
    legends = [axes.get_legend() for axes in figure.axes]
    assert [legend is not None for legend in legends] == [True, False, True]
    assert [text.get_text() for text in legends[2].get_texts()] == ["with", "without"]


def test_colours_are_the_theme_s_and_lines_may_be_dashed():
    axes = draw_seed_curves([panel(labels=("with", "without"))], 1, DARK).axes[0]
    lines = axes.get_lines()
    assert {to_hex(line.get_color()) for line in lines} == {DARK.video}
    assert [line.is_dashed() for line in lines] == [False, True]


def test_a_curve_without_values_is_left_out():
    nothing = SeedCurve("none", "audio", np.arange(2.0), np.full((2, 2), np.nan))
    empty = SeedCurve("empty", "audio", np.zeros(0), np.zeros((0, 0)))
    axes = draw_seed_curves([CurvePanel("t", "x", [nothing, empty])], 1).axes[0]
    assert not axes.get_lines()
