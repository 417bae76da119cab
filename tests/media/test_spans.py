import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.media.spans import plan_covering_windows, plan_windows

lengths = st.floats(0.1, 100.0)


@given(lengths, lengths, lengths)
def test_strided_windows_cover_the_video_without_leaving_it(duration, span, stride):
    windows = plan_windows(duration, span, stride_seconds=stride)
    starts = [start for start, _ in windows]
    assert windows[0][0] == (0.0 if len(windows) > 1 or duration <= span else windows[0][0])
    assert starts == sorted(starts)
    assert all(end - start == pytest.approx(span) for start, end in windows)
    if duration > span:
        assert windows[-1][1] == pytest.approx(duration)
        assert all(b - a <= stride * 1.002 for a, b in pairwise(starts))
    else:
        assert windows == [(0.0, span)]


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


def test_a_remainder_of_less_than_a_thousandth_is_rounding():
    # 1.3 - 1 is three strides of 0.1 and a bit in the last place.
    assert len(plan_windows(1.3, 1.0, stride_seconds=0.1)) == 4
    assert len(plan_windows(1.3 + 0.00009, 1.0, stride_seconds=0.1)) == 4
    assert len(plan_windows(1.3 + 0.00011, 1.0, stride_seconds=0.1)) == 5
    # 3.3 / 1.1 comes out above 3.
    assert len(plan_covering_windows(3 * 1.1, 1.1, 1)) == 3
    assert len(plan_covering_windows(3.3 + 0.0009, 1.1, 1)) == 3
    assert len(plan_covering_windows(3.3 + 0.0012, 1.1, 1)) == 4


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


@given(st.floats(0.5, 60.0), st.floats(0.5, 5.0), st.integers(1, 6))
def test_covering_windows_leave_no_gap_and_are_no_more_than_needed(duration, span, least):
    windows = plan_covering_windows(duration, span, least)
    assert windows[0][0] == 0.0 or len(windows) == 1
    assert all(after[0] <= before[1] + 2e-3 * span for before, after in pairwise(windows))
    if duration > span:
        assert windows[-1][1] == pytest.approx(duration) or len(windows) == 1
        assert len(windows) in (least, math.ceil(duration / span - 1e-3))


def test_covering_windows_are_those_of_the_test_where_they_suffice():
    assert plan_covering_windows(4.0, 1.28, 4) == plan_windows(4.0, 1.28, num_windows=4)
    assert len(plan_covering_windows(13.0, 1.28, 4)) == 11


def test_more_windows_than_the_limit_are_refused_at_once():
    with pytest.raises(UndecodableMediaError, match=r"in 351563 windows, .* MACBDF_MAX_WINDOWS"):
        plan_covering_windows(450_000.0, 1.28, 4)
    with pytest.raises(UndecodableMediaError, match="windows stand too close"):
        plan_windows(1e18, 1.28, stride_seconds=1e-300)
