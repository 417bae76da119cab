import numpy as np
import pytest

from macbdf_mm.evaluation.video_scores import gather_videos
from macbdf_mm.evaluation.window_scores import WindowScores
from macbdf_mm.reports.figures.histograms import draw_score_histograms, draw_value_histograms
from macbdf_mm.structures.labels import TRACKS


def test_real_and_fake_are_counted_apart_and_the_unknown_left_out():
    pairs = [(0, 0.1), (0, 0.2), (1, 0.9), (-1, 0.5), (1, np.nan)]
    windows = [
        WindowScores(str(place), (0.0, 1.0), (score,) * 3, (label,) * 3)
        for place, (label, score) in enumerate(pairs)
    ]
    figure = draw_score_histograms(gather_videos(windows), dict.fromkeys(TRACKS, 0.5))
    for axes in figure.axes:
        words = [text.get_text() for text in axes.get_legend().get_texts()]
        assert words == ["real (2)", "fake (1)"]
        assert sum(bar.get_height() for bar in axes.patches) == 3


def test_the_threshold_is_marked():
    thresholds = {"overall": 0.3, "video": 0.4, "audio": 0.7}
    figure = draw_score_histograms([], thresholds)
    marks = [axes.get_lines()[0].get_xdata()[0] for axes in figure.axes]
    assert marks == [0.3, 0.4, 0.7]


NAN = float("nan")


def bars(figure):
    """Return (left edges, heights) of the bars of real clips, and of fake ones."""
    of_class = figure.axes[0].containers
    return [
        (np.array([bar.get_x() for bar in found]), np.array([bar.get_height() for bar in found]))
        for found in of_class
    ]


def test_each_class_adds_up_to_one_and_says_how_many_it_has():
    figure = draw_value_histograms([1.0, 2.0, NAN, 3.0], np.linspace(0, 9, 50), "title", "unit")
    for _, heights in bars(figure):
        assert heights.sum() == pytest.approx(1)
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["real (3)", "fake (50)"]
    assert (axes.get_title(loc="left"), axes.get_xlabel()) == ("title", "unit")


def test_a_clip_far_out_counts_at_the_edge():
    values = [*np.linspace(0, 1, 500), 1e9]
    (edges, heights), _ = bars(draw_value_histograms(values, [0.5], "", ""))
    assert edges.max() < 1
    assert heights.sum() == pytest.approx(1)


def test_equal_values_are_one_bar():
    for (edges, heights), value in zip(
        bars(draw_value_histograms([25.0] * 4, [25.0] * 2, "", "")), (25, 25), strict=True
    ):
        assert (heights > 0).sum() == 1
        assert abs(edges[heights.argmax()] - value) < 0.05


@pytest.mark.parametrize(("real", "fake"), [([], [NAN]), ([1.0], [])])
def test_a_class_without_values_is_left_out(real, fake):
    assert len(bars(draw_value_histograms(real, fake, "", ""))) == len(real)
