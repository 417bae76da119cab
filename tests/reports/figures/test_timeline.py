import dataclasses
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from macbdf_mm.reports.figures.theme import LIGHT, new_figure, to_png
from macbdf_mm.reports.figures.timeline import (
    ClipStory,
    draw_clip,
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
    (axes,) = draw_timeline(WINDOWS, thresholds=THRESHOLDS, duration_seconds=3.5).axes
    assert axes.get_xlim() == (0, 3.5)


STORY = ClipStory(
    title="a clip",
    duration_seconds=2.0,
    frames=np.arange(4 * 8 * 8 * 3, dtype=np.uint8).reshape(4, 8, 8, 3),
    waveform=np.sin(2 * np.pi * 2000 * np.arange(32_000) / 16_000).astype(np.float32),
    sample_rate=16_000,
    windows=np.array([[0.0, 1.28, 0.2, 0.3, 0.4]]),
    thresholds={"overall": 0.5, "video": 0.5, "audio": 0.5},
    intervals={"video": [(0.5, 1.0)], "audio": []},
)


def test_frames_lie_side_by_side_over_the_whole_clip():
    film = draw_clip(STORY).axes[0]
    assert [tuple(picture.get_extent()[:2]) for picture in film.images] == [
        (0.0, 0.5),
        (0.5, 1.0),
        (1.0, 1.5),
        (1.5, 2.0),
    ]
    np.testing.assert_array_equal(film.images[2].get_array(), STORY.frames[2])


def test_the_spectrogram_shows_a_tone_at_its_frequency():
    spectrogram = draw_clip(STORY).axes[1].images[0]
    loudest = spectrogram.get_array().mean(axis=1).argmax()
    low, high = spectrogram.get_extent()[2:]
    num_bins = spectrogram.get_array().shape[0]
    assert low + (high - low) * loudest / (num_bins - 1) == pytest.approx(2.0, abs=0.02)


def test_all_panels_share_the_clock():
    assert {axes.get_xlim() for axes in draw_clip(STORY).axes} == {(0.0, 2.0)}


@pytest.mark.parametrize(("field", "words"), [("frames", "no video"), ("waveform", "no audio")])
def test_a_missing_track_is_said(field, words):
    figure = draw_clip(dataclasses.replace(STORY, **{field: None}))
    assert words in [text.get_text() for axes in figure.axes for text in axes.texts]


def test_digital_silence_can_be_drawn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        to_png(draw_clip(dataclasses.replace(STORY, waveform=np.zeros(32_000, np.float32))), 50)
