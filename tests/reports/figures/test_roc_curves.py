import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from macbdf_mm.evaluation.measures import labelled_scores, measure_track
from macbdf_mm.reports.figures.roc_curves import TrackRoc, draw_roc_curves, track_rocs
from macbdf_mm.reports.figures.theme import LIGHT
from macbdf_mm.structures.labels import TRACKS


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


def figures_of(videos):
    return {track: measure_track(videos, track, 0.5, num_resamples=20) for track in TRACKS}


def test_the_area_under_each_curve_is_its_auc(tested_videos):
    curves = {curve.track: curve for curve in track_rocs(tested_videos, figures_of(tested_videos))}
    assert set(curves) == set(TRACKS)
    for track, curve in curves.items():
        labels, scores = labelled_scores(tested_videos, track)
        area = np.trapezoid(curve.true_positive_rate, curve.false_positive_rate)
        assert area == pytest.approx(roc_auc_score(labels, scores))


def test_the_operating_point_counts_what_is_called_fake(tested_videos):
    for curve in track_rocs(tested_videos, figures_of(tested_videos)):
        labels, scores = labelled_scores(tested_videos, curve.track)
        false_rate = np.mean([score >= 0.5 for score in scores[labels == 0]])
        true_rate = np.mean([score >= 0.5 for score in scores[labels == 1]])
        assert curve.operating_point == pytest.approx((false_rate, true_rate))


def test_a_score_at_the_threshold_is_called_fake(tested_videos):
    figures = {"overall": measure_track(tested_videos, "overall", 0.8, num_resamples=5)}
    (curve,) = track_rocs(tested_videos, figures)
    # One of three real clips scores 0.8, two of four fakes score more.
    assert curve.operating_point == pytest.approx((1 / 3, 2 / 4))


def test_a_track_with_one_class_has_no_curve(tested_videos):
    real = [video for video in tested_videos if video.labels["overall"] == 0]
    assert track_rocs(real, figures_of(real)) == []
