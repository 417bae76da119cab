import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from macbdf_mm.structures.intervals import (
    merge_intervals,
    overlap_seconds,
    span_label,
    step_labels,
)
from macbdf_mm.structures.labels import FAKE, REAL, UNKNOWN

# Whole hundredths of a second: brute force on a grid of that step is then exact.
HUNDREDTH = 0.01
interval_ticks = st.tuples(st.integers(0, 400), st.integers(1, 120)).map(
    lambda pair: (pair[0], pair[0] + pair[1])
)


def in_seconds(ticks):
    return [(start * HUNDREDTH, end * HUNDREDTH) for start, end in ticks]


def fake_ticks(ticks):
    grid = np.zeros(600, dtype=bool)
    for start, end in ticks:
        grid[start:end] = True
    return grid


def longest_run(grid):
    longest = run = 0
    for value in grid:
        run = run + 1 if value else 0
        longest = max(longest, run)
    return longest


@given(st.lists(interval_ticks, max_size=5))
def test_merged_intervals_cover_the_same_ticks(ticks):
    merged = merge_intervals(ticks)
    assert np.array_equal(fake_ticks(merged), fake_ticks(ticks))
    gaps = [after[0] - before[1] for before, after in itertools.pairwise(merged)]
    assert all(gap > 0 for gap in gaps)


def test_overlap_is_half_open():
    assert overlap_seconds((0.0, 1.0), (1.0, 2.0)) == 0.0
    assert overlap_seconds((0.0, 1.5), (1.0, 2.0)) == pytest.approx(0.5)
    assert overlap_seconds((0.0, 0.5), (1.0, 2.0)) == 0.0


@given(st.lists(interval_ticks, min_size=1, max_size=4), interval_ticks)
def test_span_label_against_a_count_of_ticks(ticks, span):
    inside = fake_ticks(ticks)[span[0] : span[1]]
    needed = min(10, span[1] - span[0])
    expected = FAKE if longest_run(inside) >= needed else REAL
    assert span_label(FAKE, in_seconds(ticks), in_seconds([span])[0]) == expected


@pytest.mark.parametrize("label", [REAL, UNKNOWN])
def test_span_of_a_track_that_is_not_fake_keeps_its_label(label):
    assert span_label(label, [], (0.0, 1.0)) == label


def test_a_fake_track_without_intervals_is_fake_everywhere():
    assert span_label(FAKE, [], (3.0, 4.0)) == FAKE
    assert step_labels(FAKE, [], (3.0, 4.0), 4).tolist() == [FAKE] * 4


def test_a_tenth_of_a_second_is_enough_and_less_is_not():
    assert span_label(FAKE, [(0.3, 0.4)], (0.0, 1.0)) == FAKE
    assert span_label(FAKE, [(0.3, 0.399)], (0.0, 1.0)) == REAL


@given(st.lists(interval_ticks, min_size=1, max_size=4), st.integers(0, 300), st.integers(1, 8))
def test_step_labels_against_a_count_of_ticks(ticks, start, num_steps):
    ticks_per_step = 8
    grid = fake_ticks(ticks)[start : start + ticks_per_step * num_steps]
    expected = grid.reshape(num_steps, ticks_per_step).mean(axis=1) >= 0.5
    span = in_seconds([(start, start + ticks_per_step * num_steps)])[0]
    assert np.array_equal(step_labels(FAKE, in_seconds(ticks), span, num_steps), expected)


@pytest.mark.parametrize("label", [REAL, UNKNOWN])
def test_steps_of_a_track_that_is_not_fake_keep_its_label(label):
    assert step_labels(label, [], (0.0, 1.0), 3).tolist() == [label] * 3


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"`num_steps` > 0, got 0"):
        step_labels(FAKE, [], (0.0, 1.0), 0)
    with pytest.raises(ValueError, match=r"`span` with end > start"):
        step_labels(FAKE, [], (1.0, 1.0), 3)
