import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from macbdf_mm.reports.figures.theme import LIGHT, new_figure
from macbdf_mm.reports.figures.timeline import (
    draw_intervals,
    draw_scores,
    draw_timeline,
    step_curve,
)

NAN = float("nan")
THRESHOLDS = {"overall": 0.5, "video": 0.4, "audio": 0.6}
WINDOWS = [[0.0, 1.0, 0.2, 0.1, 0.3], [0.5, 1.5, 0.6, NAN, 0.9], [2.0, 3.0, 0.8, NAN, 0.7]]


def _mean_at(windows, second, column):
    """The definition, one moment at a time."""
    values = [w[column] for w in windows if w[0] <= second < w[1] and not np.isnan(w[column])]
    return sum(values) / len(values) if values else NAN


@st.composite
def _windows(draw):
    starts = draw(st.lists(st.floats(0, 20), min_size=1, max_size=6))
    score = st.one_of(st.just(NAN), st.floats(0, 1))
    return [[s, s + draw(st.floats(0.1, 5)), *(draw(score) for _ in range(3))] for s in starts]


@given(_windows())
def test_the_curve_is_the_mean_of_the_windows_that_cover_a_moment(windows):
    edges, means = step_curve(windows)
    middles = (edges[:-1] + edges[1:]) / 2
    expected = [[_mean_at(windows, second, column) for column in (2, 3, 4)] for second in middles]
    np.testing.assert_allclose(means, expected, rtol=1e-12)
    assert (np.diff(edges) > 0).all()


def test_a_gap_between_windows_has_no_score():
    edges, means = step_curve(WINDOWS)
    np.testing.assert_allclose(edges, [0, 0.5, 1, 1.5, 2, 3])
    np.testing.assert_allclose(means[:, 0], [0.2, 0.4, 0.6, NAN, 0.8])
    np.testing.assert_allclose(means[:, 1], [0.1, 0.1, NAN, NAN, NAN])


@pytest.mark.parametrize("windows", [[], [[0, 1, 0.5]], [0, 1, 0.5, 0.5, 0.5]])
def test_windows_of_another_shape_are_refused(windows):
    with pytest.raises(ValueError, match=r"Expected `windows` of shape \(K, 5\)"):
        step_curve(windows)


def test_a_track_that_was_never_seen_is_not_drawn():
    axes = new_figure(LIGHT, 4, 2).subplots()
    windows = [[0.0, 1.0, 0.2, NAN, 0.3]]
    draw_scores(axes, windows, THRESHOLDS, LIGHT)
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["overall", "audio"]


def test_intervals_are_drawn_where_they_are():
    axes = new_figure(LIGHT, 4, 1).subplots()
    draw_intervals(axes, {"video": [(0.5, 1.25)], "audio": []}, LIGHT)
    audio_bars, video_bars = axes.collections
    assert audio_bars.get_paths() == []
    corners = video_bars.get_paths()[0].vertices
    assert (corners[:, 0].min(), corners[:, 0].max()) == (0.5, 1.25)


def test_the_timeline_spans_the_whole_clip():
    known = draw_timeline(
        WINDOWS, thresholds=THRESHOLDS, duration_seconds=3.5, intervals={"video": [(0.5, 1.25)]}
    )
    unknown = draw_timeline(WINDOWS, thresholds=THRESHOLDS, duration_seconds=3.5)
    assert len(known.axes) == 2
    assert len(unknown.axes) == 1
    for axes in [*known.axes, *unknown.axes]:
        assert axes.get_xlim() == (0, 3.5)
