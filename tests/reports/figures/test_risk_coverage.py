import numpy as np
import pytest

from macbdf_mm.evaluation.functional.uncertain_band import UncertainBand
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.reports.figures.risk_coverage import draw_risk_coverage
from macbdf_mm.structures.labels import TRACKS

# Certainty falls: 0.99 right, 0.05 right, 0.9 wrong, 0.3 right, 0.6 wrong.
CLIPS = [(0.99, 1), (0.05, 0), (0.9, 0), (0.3, 0), (0.6, 0)]
VIDEOS = [
    VideoScores(str(k), dict.fromkeys(TRACKS, score), dict.fromkeys(TRACKS, label))
    for k, (score, label) in enumerate(CLIPS)
]
HALF = dict.fromkeys(TRACKS, 0.5)


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_the_curve_is_that_of_the_decisions_counted_by_hand():
    [axes] = draw_risk_coverage(VIDEOS, HALF).axes
    line = axes.get_lines()[0]
    np.testing.assert_allclose(line.get_xdata(), [0, 0.2, 0.4, 0.6, 0.8, 1])
    np.testing.assert_allclose(line.get_ydata(), [0, 0, 0, 1 / 3, 1 / 4, 2 / 5])
    area = (0 + 0 + 1 / 3 + 1 / 4 + 2 / 5) / 5
    assert legend(axes) == [f"{track}  AURC {area:.3f}" for track in TRACKS]
    styles = {(line.get_linestyle(), line._unscaled_dash_pattern[1]) for line in axes.get_lines()}
    assert len(styles) == 3, "lines differ without their colours"


def test_the_uncertain_band_is_a_point_of_the_curve_and_its_bound_a_line():
    band = UncertainBand(0.2, 0.8, 0.1, 0.95, 0.09, 90, 3, 100)
    [axes] = draw_risk_coverage(VIDEOS, HALF, band).axes
    bound, point = axes.get_lines()[3:]
    assert set(bound.get_ydata()) == {0.1}
    # 0.3 and 0.6 are undecided; one of the other three is wrong.
    assert point.get_xydata()[0] == pytest.approx([0.6, 1 / 3])
    assert legend(axes)[-1] == "outside the band: 60% decided, 33% wrong"
    nothing = UncertainBand(0.0, 1.0, 0.1, 0.95, 0.09, 0, 0, 100)
    assert len(draw_risk_coverage(VIDEOS, HALF, nothing).axes[0].get_lines()) == 4


def test_without_clips_there_is_an_empty_figure():
    [axes] = draw_risk_coverage([], HALF).axes
    assert (axes.get_lines()[:], axes.get_legend()) == ([], None)
