import numpy as np
from matplotlib.colors import to_hex

from macbdf_mm.reports.figures.theme import DARK, LIGHT
from macbdf_mm.reports.figures.training_curves import (
    NORMS,
    PANELS,
    SeedCurve,
    draw_om_pareto_curves,
    draw_seed_curves,
    draw_training_curves,
    running_mean,
)


def test_running_mean_averages_what_there_is():
    values = np.random.default_rng(0).normal(size=30)
    expected = [values[max(0, i - 6) : i + 1].mean() for i in range(30)]
    np.testing.assert_allclose(running_mean(values, 7), expected, rtol=1e-9)


def test_metrics_are_drawn_over_epochs():
    auc = [(1, 0.6), (2, 0.7), (3, 0.9)]
    figure = draw_training_curves({"loss_video": [(10, 1.0), (20, 0.5)]}, {"video": auc})
    left, right = figure.axes
    np.testing.assert_array_equal(right.get_lines()[0].get_xydata(), auc)
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["loss_video"]


def test_a_single_loss_is_drawn_where_there_are_no_others():
    left = draw_training_curves({"loss": [(1, 1.0), (2, 0.5)]}, {}).axes[0]
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["loss"]


def test_missing_logs_are_said():
    figure = draw_training_curves({}, {})
    for axes in figure.axes:
        assert axes.get_legend() is None
        assert axes.texts[0].get_text() == "nothing was logged"


ITERATIONS = [10, 20, 30]


def curves(*encoders):
    return {
        encoder: {
            quantity: [(step, 0.1 * step * (1 + place)) for step in ITERATIONS]
            for place, quantity in enumerate([*PANELS, *NORMS])
        }
        for encoder in encoders
    }


def test_each_quantity_has_a_panel_with_a_line_for_each_encoder():
    given = curves("video", "audio")
    figure = draw_om_pareto_curves(given)
    for axes, quantity in zip(figure.axes, PANELS, strict=False):
        drawn = [line for line in axes.get_lines() if line.get_label() in given]
        assert [line.get_color() for line in drawn] == [LIGHT.video, LIGHT.audio]
        for line in drawn:
            np.testing.assert_allclose(line.get_xydata(), given[line.get_label()][quantity])
    norms = {line.get_label(): line for line in figure.axes[-1].get_lines()}
    for encoder in given:
        for quantity, (label, style) in NORMS.items():
            line = norms[f"_{encoder}, {label}"]
            assert (line.get_color(), line.get_linestyle()) == (LIGHT.of(encoder), style)
            np.testing.assert_allclose(line.get_xydata(), given[encoder][quantity])
    legend = figure.axes[-1].get_legend().get_texts()
    assert [text.get_text() for text in legend] == ["multimodal", "unimodal", "step"]


def test_long_curves_are_smoothed_over_what_was_logged():
    logged = [(step, float(step % 2)) for step in range(400)]
    faint, bold = draw_om_pareto_curves({"audio": {"cos": logged}}).axes[0].get_lines()[:2]
    np.testing.assert_array_equal(faint.get_xydata(), logged)
    np.testing.assert_allclose(bold.get_ydata()[20:], 0.5)


def test_encoders_of_other_names_are_drawn_too():
    figure = draw_om_pareto_curves(curves("backbone", "audio", "text"))
    bold = [line for line in figure.axes[0].get_lines() if line.get_linewidth() > 1]
    assert [line.get_color() for line in bold] == [LIGHT.ink, LIGHT.audio, LIGHT.overall]


def test_a_norm_of_zero_is_left_out_of_the_logarithmic_axis():
    figure = draw_om_pareto_curves({"video": {"norm_u": [(1, 0.0), (2, 3.0)]}})
    np.testing.assert_array_equal(figure.axes[-1].get_lines()[0].get_xydata(), [[2, 3.0]])


def test_a_value_that_is_not_finite_is_left_out():
    curves = {"video": {"cos": [(1, 0.5), (2, float("nan")), (3, 0.25)]}}
    bold = draw_om_pareto_curves(curves).axes[0].get_lines()[1]
    np.testing.assert_array_equal(bold.get_xydata(), [[1, 0.5], [3, 0.25]])


VALUES = np.array([[0.5, 0.6, np.nan], [0.7, 0.9, np.nan], [0.6, np.nan, np.nan]])


def curves_of(*labels):
    return [SeedCurve(label, "video", np.arange(3.0), VALUES, label != "with") for label in labels]


def test_the_line_is_the_mean_and_the_band_the_range_of_what_is_known():
    axes = draw_seed_curves({"AUC": curves_of("with")}, "epoch", 1).axes[0]
    (line,), (band,) = axes.get_lines(), axes.collections
    np.testing.assert_allclose(line.get_xydata(), [[0, 0.6], [1, 0.75]])
    low, high = (
        np.array(edge)
        for edge in (band.get_datalim(axes.transData).min, band.get_datalim(axes.transData).max)
    )
    np.testing.assert_allclose([low, high], [[0, 0.5], [1, 0.9]])


def test_panels_fill_a_grid_and_the_rest_of_it_is_empty():
    figure = draw_seed_curves(dict.fromkeys("01234", curves_of("with")), "epoch", 3)
    assert len(figure.axes) == 6
    assert [axes.get_title(loc="left") for axes in figure.axes] == [*"01234", ""]
    assert [axes.axison for axes in figure.axes] == [True] * 5 + [False]


def test_a_legend_stands_once_for_the_same_curves():
    one, two = curves_of("with"), curves_of("with", "without")
    figure = draw_seed_curves({"a": one, "b": one, "c": two}, "epoch", 3)
    legends = [axes.get_legend() for axes in figure.axes]
    assert [legend is not None for legend in legends] == [True, False, True]
    assert [text.get_text() for text in legends[2].get_texts()] == ["with", "without"]


def test_colours_are_the_theme_s_and_lines_may_be_dashed():
    axes = draw_seed_curves({"AUC": curves_of("with", "without")}, "epoch", 1, DARK).axes[0]
    lines = axes.get_lines()
    assert {to_hex(line.get_color()) for line in lines} == {DARK.video}
    assert [line.is_dashed() for line in lines] == [False, True]


def test_a_curve_without_values_is_left_out():
    nothing = SeedCurve("none", "audio", np.arange(2.0), np.full((2, 2), np.nan))
    empty = SeedCurve("empty", "audio", np.zeros(0), np.zeros((0, 0)))
    axes = draw_seed_curves({"t": [nothing, empty]}, "x", 1).axes[0]
    assert not axes.get_lines()
