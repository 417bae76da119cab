import numpy as np
import pytest

from macbdf_mm.reports.figures.training_curves import draw_training_curves, running_mean


def test_running_mean_averages_what_there_is():
    values = np.random.default_rng(0).normal(size=30)
    expected = [values[max(0, i - 6) : i + 1].mean() for i in range(30)]
    np.testing.assert_allclose(running_mean(values, 7), expected, rtol=1e-9)


def test_running_mean_needs_a_window():
    with pytest.raises(ValueError, match="Expected `window` > 0, got 0"):
        running_mean([1.0], 0)


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
