import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from macbdf_mm.evaluation.measures import labelled_scores, measure_track
from macbdf_mm.reports.figures.roc_curves import draw_roc_curves
from macbdf_mm.reports.figures.theme import LIGHT
from macbdf_mm.structures.labels import TRACKS


@pytest.fixture
def drawn(tested_videos):
    """Return a function: track -> line and dot that are drawn of it, at one threshold for all."""

    def draw(videos=tested_videos, threshold=0.5):
        figures = {track: measure_track(videos, track, threshold, 20) for track in TRACKS}
        lines = draw_roc_curves(videos, figures).axes[0].get_lines()[1:]
        curves, dots = lines[::2], lines[1::2]
        return {
            curve.get_label().split()[0]: (curve, dot.get_xydata()[0])
            for curve, dot in zip(curves, dots, strict=True)
        }

    return draw


def test_curve_area_and_interval_are_shown(tested_videos):
    values = measure_track(tested_videos, "video", 0.5, 20)
    values |= {"auc": 0.7, "auc_low": 0.6, "auc_high": 0.8}
    axes = draw_roc_curves(tested_videos, {"video": values}).axes[0]
    assert axes.get_lines()[1].get_color() == LIGHT.video
    assert axes.get_legend().get_texts()[0].get_text() == "video  0.700  [0.600, 0.800]"


def test_the_area_under_each_curve_is_its_auc(drawn, tested_videos):
    curves = drawn()
    assert list(curves) == list(TRACKS)
    for track, (curve, _) in curves.items():
        labels, scores = labelled_scores(tested_videos, track)
        area = np.trapezoid(curve.get_ydata(), curve.get_xdata())
        assert area == pytest.approx(roc_auc_score(labels, scores))
        # Every threshold has its point.
        assert len(curve.get_xdata()) == len(set(scores)) + 1


def test_the_dot_counts_what_is_called_fake(drawn, tested_videos):
    for track, (_, dot) in drawn().items():
        labels, scores = labelled_scores(tested_videos, track)
        false_rate = np.mean([score >= 0.5 for score in scores[labels == 0]])
        true_rate = np.mean([score >= 0.5 for score in scores[labels == 1]])
        assert dot == pytest.approx((false_rate, true_rate))


def test_a_score_at_the_threshold_is_called_fake(drawn):
    # One of three real clips scores 0.8, two of four fakes score more.
    assert drawn(threshold=0.8)["overall"][1] == pytest.approx((1 / 3, 2 / 4))


def test_tracks_of_one_class_leave_the_diagonal_of_chance(tested_videos):
    real = [video for video in tested_videos if video.labels["overall"] == 0]
    figures = {track: measure_track(real, track, 0.5, 20) for track in TRACKS}
    axes = draw_roc_curves(real, figures).axes[0]
    assert len(axes.get_lines()) == 1
    assert axes.get_legend() is None
