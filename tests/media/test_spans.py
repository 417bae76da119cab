from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.media.spans import following_spans, plan_windows

lengths = st.floats(0.1, 100.0)


@given(lengths, lengths, lengths)
def test_the_grid_covers_the_video_and_stays_in_it(duration, span, stride):
    windows = plan_windows(duration, span, stride_seconds=stride)
    starts = [start for start, _ in windows]
    assert all(end - start == pytest.approx(span) for start, end in windows)
    if duration <= span:
        assert windows == [(0.0, span)]
        return
    assert starts == sorted(set(starts))
    assert starts[:-1] == [k * stride for k in range(len(starts) - 1)]
    assert all(b - a <= stride * (1 + 1e-5) for a, b in pairwise(starts))
    step = span / 16
    assert starts[-1] / step == pytest.approx(round(starts[-1] / step))
    # Past the end by a quarter of a step at most; what remains is less than one of 16 frames.
    assert -0.7501 * step <= windows[-1][1] - duration <= 0.2501 * step


@pytest.mark.parametrize("span", [0.64, 1.28])
@pytest.mark.parametrize("padding", [-0.005, -0.001, 1e-9, 0.001, 0.003, 0.006])
def test_a_length_that_is_off_by_milliseconds_moves_no_window(span, padding):
    for num_frames in range(60, 400):
        exact = plan_windows(num_frames / 25, span, stride_seconds=span / 2)
        assert plan_windows(num_frames / 25 + padding, span, stride_seconds=span / 2) == exact


def test_a_longer_video_has_the_same_windows_and_more():
    short, long = (plan_windows(d, 1.28, stride_seconds=0.64) for d in (3.0, 60.0))
    assert long[: len(short) - 1] == short[:-1]
    assert short[-1] == pytest.approx((1.68, 2.96))


@given(lengths, lengths, st.integers(1, 20))
def test_even_windows_are_as_many_as_asked_and_symmetrical(duration, span, count):
    windows = plan_windows(duration, span, num_windows=count)
    if duration <= span:
        assert windows == [(0.0, span)]
        return
    assert len(windows) == count
    mirrored = [(duration - end, duration - start) for start, end in reversed(windows)]
    for window, mirror in zip(windows, mirrored, strict=True):
        assert window == pytest.approx(mirror, abs=1e-9)


def test_examples():
    assert plan_windows(4.0, 1.0, stride_seconds=1.5) == [(0.0, 1.0), (1.5, 2.5), (3.0, 4.0)]
    assert plan_windows(4.0, 1.0, stride_seconds=2.0) == [(0.0, 1.0), (2.0, 3.0), (3.0, 4.0)]
    for stride in (1e4, 1e300, float("inf")):
        assert plan_windows(4.0, 1.0, stride_seconds=stride) == [(0.0, 1.0), (3.0, 4.0)]
    assert plan_windows(3.0, 1.0, num_windows=1) == [(1.0, 2.0)]
    # A bit in the last place is no window of its own.
    assert len(plan_windows(3 * 1.28, 1.28, stride_seconds=0.64)) == 5
    # What is longer than a window by less than a step has no second one.
    assert plan_windows(1.01, 1.0, stride_seconds=0.5) == [(0.0, 1.0)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(duration_seconds=0.0), "`duration_seconds` > 0, got 0"),
        (dict(duration_seconds=float("nan")), "`duration_seconds` > 0, got nan"),
        (dict(span_seconds=-1.0), "`span_seconds` > 0, got -1"),
        (dict(stride_seconds=0.0), "`stride_seconds` > 0, got 0"),
        (dict(stride_seconds=None), "one of `stride_seconds` and `num_windows`"),
        (dict(num_windows=3), "one of `stride_seconds` and `num_windows`"),
        (dict(stride_seconds=None, num_windows=0), "`num_windows` > 0, got 0"),
    ],
)
def test_arguments_are_checked(arguments, message):
    defaults = dict(duration_seconds=4.0, span_seconds=1.0, stride_seconds=1.0)
    with pytest.raises(ValueError, match=message):
        plan_windows(**(defaults | arguments))


def test_more_windows_than_the_limit_are_refused_at_once():
    with pytest.raises(UndecodableMediaError, match=r"in 703123 windows, .* MACBDF_MAX_WINDOWS"):
        plan_windows(450_000.0, 1.28, stride_seconds=0.64)
    with pytest.raises(UndecodableMediaError, match="windows stand too close"):
        plan_windows(1e18, 1.28, stride_seconds=1e-300)


def test_spans_that_follow_reach_to_one_that_does_not_overlap():
    spans = [(0.0, 2.0), (1.0, 3.0), (2.0, 4.0), (3.0, 5.0)]
    assert following_spans(spans, 1) == spans[1:3]
    assert following_spans(spans, 2) == spans[2:]
    assert following_spans(spans, 4) == []
    gaps = [(0.0, 1.0), (5.0, 6.0), (10.0, 11.0)]
    assert following_spans(gaps, 1) == gaps[1:2]
