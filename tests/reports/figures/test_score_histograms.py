import numpy as np

from macbdf_mm.reports.figures.score_histograms import draw_score_histograms

TRACKS = ("overall", "video", "audio")


def test_real_and_fake_are_counted_apart_and_the_unknown_left_out():
    labels = {track: [0, 0, 1, -1, 1] for track in TRACKS}
    scores = dict.fromkeys(TRACKS, np.array([0.1, 0.2, 0.9, 0.5, np.nan]))
    figure = draw_score_histograms(labels, scores, dict.fromkeys(TRACKS, 0.5))
    for axes in figure.axes:
        words = [text.get_text() for text in axes.get_legend().get_texts()]
        assert words == ["real (2)", "fake (1)"]
        assert sum(bar.get_height() for bar in axes.patches) == 3


def test_the_threshold_is_marked():
    nothing = dict.fromkeys(TRACKS, np.zeros(0))
    thresholds = {"overall": 0.3, "video": 0.4, "audio": 0.7}
    figure = draw_score_histograms(nothing, nothing, thresholds)
    marks = [axes.get_lines()[0].get_xdata()[0] for axes in figure.axes]
    assert marks == [0.3, 0.4, 0.7]
