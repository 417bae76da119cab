import numpy as np

from macbdf_mm.reports.figures.roc_curves import TrackRoc, draw_roc_curves
from macbdf_mm.reports.figures.theme import LIGHT


def test_curve_threshold_and_area_are_shown():
    false, true = np.array([0, 0.5, 1.0]), np.array([0, 0.9, 1.0])
    curve = TrackRoc("video", false, true, 0.7, 0.6, 0.8, operating_point=(0.5, 0.9))
    axes = draw_roc_curves([curve]).axes[0]
    _, drawn, point = axes.get_lines()
    np.testing.assert_array_equal(drawn.get_xydata(), np.stack([false, true], axis=1))
    np.testing.assert_array_equal(point.get_xydata(), [[0.5, 0.9]])
    assert drawn.get_color() == LIGHT.video
    assert axes.get_legend().get_texts()[0].get_text() == "video  0.700  [0.600, 0.800]"


def test_no_curve_leaves_the_diagonal_of_chance():
    axes = draw_roc_curves([]).axes[0]
    assert len(axes.get_lines()) == 1
    assert axes.get_legend() is None
