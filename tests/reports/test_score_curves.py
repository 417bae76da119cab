import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from macbdf_mm.reports.figures.timeline import step_curve
from macbdf_mm.reports.score_curves import (
    find_peaks,
    gaps_of,
    score_curve,
    step_rows,
    window_rows,
)

NAN = float("nan")


@st.composite
def _rows(draw):
    starts = draw(st.lists(st.integers(0, 18), min_size=1, max_size=6))
    score = st.one_of(st.just(NAN), st.floats(0, 1))
    return [(s / 2, (s + draw(st.integers(1, 5))) / 2, draw(score)) for s in starts]


@given(_rows())
def test_a_column_has_the_highest_mean_of_the_windows_that_cover_its_moments(rows):
    """Against the means of another function, in which no column is coarser than a piece."""
    curve = score_curve(rows, 12.0, 8)
    edges, means = step_curve([(s, e, score, NAN, NAN) for s, e, score in rows])
    expected = np.full(8, NAN)
    for low, high, mean in zip(edges[:-1], edges[1:], means[:, 0], strict=True):
        for moment in np.arange(low + 0.25, high, 0.5):
            column = int(moment / 1.5)
            expected[column] = np.fmax(expected[column], mean)
    np.testing.assert_allclose(curve, expected, atol=1e-9)


def test_a_short_peak_of_an_hour_stays():
    rows = [(k * 0.64, k * 0.64 + 1.28, 0.1) for k in range(5600)]
    rows[3000] = (*rows[3000][:2], 0.9)
    curve = score_curve(rows, 3600.0, 480)
    assert np.nanargmax(curve) == int(3000 * 0.64 / 7.5)
    assert np.nanmax(curve) == pytest.approx(0.5)  # With the window beside it.


def test_nothing_seen_is_no_score():
    assert np.isnan(score_curve([], 1.0, 4)).all()
    assert np.isnan(score_curve([(0.0, 1.0, NAN)], 1.0, 4)).all()


def test_rows_of_windows_and_of_their_steps():
    windows = [(0.0, 1.0, 0.5, None, 0.2), (1.0, 2.0, 0.6, 0.1, 0.3)]
    assert window_rows(windows, "audio") == [(0.0, 1.0, 0.2), (1.0, 2.0, 0.3)]
    assert np.isnan(window_rows(windows, "video")[0][2])
    rows = step_rows(windows, [[None, 0.25], [0.5, 0.75]])
    assert rows[1:] == [(0.5, 1.0, 0.25), (1.0, 1.5, 0.5), (1.5, 2.0, 0.75)]
    assert np.isnan(rows[0][2])


def test_gaps_are_what_no_scored_window_covers():
    rows = [(0.5, 1.5, 0.2), (1.0, 2.0, 0.3), (2.0, 3.0, NAN), (3.0, 4.0, 0.1)]
    assert gaps_of(rows, 4.05) == [(0.0, 0.5), (2.0, 3.0)]
    assert gaps_of([], 2.0) == [(0.0, 2.0)]


def test_peaks_are_the_highest_scores_apart_from_each_other():
    curve = np.zeros(180)
    curve[[20, 21, 22, 100, 150]] = [0.9, 0.9, 0.9, 0.7, 0.8]
    curve[25] = 0.85  # Too near to the best.
    peaks = find_peaks({"video": curve, "audio": np.full(180, NAN)}, 18.0, 3)
    assert peaks == [(2.15, "video", 0.9), (10.05, "video", 0.7), (15.05, "video", 0.8)]


def test_a_peak_belongs_to_the_track_that_is_highest_there():
    video, audio = np.full(40, 0.2), np.full(40, NAN)
    audio[30] = 0.6
    assert find_peaks({"video": video, "audio": audio}, 4.0, 1) == [(3.05, "audio", 0.6)]
    assert find_peaks({"video": np.full(40, NAN)}, 4.0, 3) == []
