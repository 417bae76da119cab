import numpy as np

from macbdf_mm.visualization.om_pareto_curves import NORMS, PANELS, draw_om_pareto_curves
from macbdf_mm.visualization.theme import LIGHT

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
    labels = [line.get_label() for line in figure.axes[-1].get_lines()]
    assert labels == [
        "video, multimodal", "video, unimodal", "video, step",
        "audio, multimodal", "audio, unimodal", "audio, step",
    ]  # fmt: skip


def test_encoders_of_other_names_are_drawn_too():
    figure = draw_om_pareto_curves(curves("backbone"))
    assert figure.axes[0].get_lines()[0].get_color() == LIGHT.ink


def test_a_norm_of_zero_is_left_out_of_the_logarithmic_axis():
    figure = draw_om_pareto_curves({"video": {"norm_u": [(1, 0.0), (2, 3.0)]}})
    np.testing.assert_array_equal(figure.axes[-1].get_lines()[0].get_xydata(), [[2, 3.0]])
