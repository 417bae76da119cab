import math

import pytest

from macbdf_mm.prepare.converters.stated_values import (
    stated_intervals,
    stated_seconds,
    stated_text,
)


@pytest.mark.parametrize("value", [None, ""])
def test_nothing_is_nothing(value):
    assert stated_text({"x": value}, "x") is None
    assert stated_seconds({"x": value}, "x") is None
    assert stated_intervals({}, "x") == ()


def test_values():
    assert stated_text({"x": "a b"}, "x") == "a b"
    assert stated_seconds({"x": "4.25"}, "x") == 4.25
    assert stated_seconds({"x": 3}, "x") == 3.0
    assert stated_intervals({"x": [[0, 1.5], ["2", 3]]}, "x") == ((0.0, 1.5), (2.0, 3.0))


@pytest.mark.parametrize(
    ("read", "value", "message"),
    [
        (stated_text, 3, "`x` is 3, expected text"),
        (stated_seconds, 0, "`x` is 0, expected seconds > 0"),
        (stated_seconds, True, "`x` is True, expected seconds"),
        (stated_seconds, "long", "`x` is 'long', expected seconds"),
        (stated_seconds, math.nan, "`x` is nan, expected seconds"),
        (stated_intervals, "0-1", "expected a list of .start, end. in seconds"),
        (stated_intervals, [[0, 1, 2]], "expected a list"),
        (stated_intervals, [0, 1], "expected a list"),
        (stated_intervals, [[0, None]], "expected a list"),
    ],
)
def test_values_of_another_kind(read, value, message):
    with pytest.raises(ValueError, match=message):
        read({"x": value}, "x")
