from itertools import pairwise

import pytest

from macbdf_mm.reports.time_axis import Axis, clock_text, span_text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0.0 s"),
        (59.94, "59.9 s"),
        (59.97, "1:00.0"),
        (119.96, "2:00.0"),
        (125.04, "2:05.0"),
        (3725.0, "1:02:05.0"),
    ],
)
def test_moments_in_words(seconds, words):
    assert clock_text(seconds) == words


def test_intervals_in_words():
    assert span_text(0.0, 1.28) == "0.0 to 1.3 s"
    assert span_text(58.0, 62.0) == "58.0 s to 1:02.0"


@pytest.mark.parametrize("duration", [0.3, 1.28, 5.0, 59.0, 600.0, 3600.0, 90_000.0])
def test_ticks_are_few_and_lie_where_their_time_does(duration):
    ticks = Axis(duration).ticks
    assert 2 <= len(ticks) <= 7
    assert ticks[0] == (0.0, ticks[0][1])
    steps = {round(b[0] - a[0], 1) for a, b in pairwise(ticks)}
    assert max(steps) - min(steps) < 0.11


def test_percent_stays_on_the_axis():
    assert [Axis(4.0).percent(s) for s in (-1.0, 1.0, 5.0)] == [0.0, 25.0, 100.0]
    assert Axis(0.0).percent(1.0) == 0.0
    assert (Axis(0.0).words, Axis(61.0).words) == ("", "Length: 1:01.0")
