import numpy as np

from macbdf_mm.reports.figures.om_pareto_curves import NORMS, PANELS, draw_om_pareto_curves
from macbdf_mm.reports.figures.theme import LIGHT

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
