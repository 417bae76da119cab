"""Windows taken a few at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from macbdf_mm.evaluation.functional.window_groups import (
    GROUP_SIZE,
    group_scores,
    group_slices,
    run_scores,
)

scores = st.lists(st.floats(1e-6, 1 - 1e-6), min_size=1, max_size=40)


def mean_odds(values):
    odds = [value / (1 - value) for value in values]
    mean = sum(odds) / len(odds)
    return mean / (1 + mean)


@given(st.integers(1, 1000))
def test_groups_cover_a_file_and_are_of_nearly_equal_sizes(num_windows):
    groups = group_slices(num_windows)
    covered = [index for group in groups for index in range(num_windows)[group]]
    assert covered == list(range(num_windows))
    sizes = {group.stop - group.start for group in groups}
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= min(num_windows, GROUP_SIZE)
    assert max(sizes) < 2 * GROUP_SIZE


@given(scores)
def test_the_score_of_a_group_is_that_of_its_mean_odds(values):
    expected = [mean_odds(values[group]) for group in group_slices(len(values))]
    assert group_scores(values) == pytest.approx(expected)


@given(scores)
def test_runs_are_all_groups_that_there_could_be(values):
    starts = range(max(1, len(values) - GROUP_SIZE + 1))
    expected = [mean_odds(values[start : start + GROUP_SIZE]) for start in starts]
    assert run_scores(values) == pytest.approx(expected)


def test_scores_of_zero_and_one_are_kept_apart_from_others():
    assert group_scores([0.0]) < group_scores([1e-6])
    assert group_scores([1.0, 0.0, 0.0, 0.0]) > group_scores([0.99, 0.99, 0.99, 0.99])
    assert np.isfinite(group_scores([0.0, 1.0])).all()
