import math

import numpy as np
import pytest

from macbdf_mm.evaluation.functional.localisation.segments import (
    Segments,
    pooled,
    steps_of_files,
    union,
)
from macbdf_mm.structures.intervals import merge_intervals


def test_rows_of_files_are_flat_and_come_back():
    rows = [[(0.0, 1.0, 0.3), (2.0, 3.0, 0.9)], [], [(1.0, 1.5, 0.5)]]
    segments = Segments.from_files(rows)
    assert segments.num_files == 3
    assert segments.files.tolist() == [0, 0, 2]
    assert segments.counts.tolist() == [2, 0, 1]
    assert segments.ranks.tolist() == [0, 1, 0]
    for expected, found in zip(rows, segments.to_rows(), strict=True):
        np.testing.assert_array_equal(found, np.reshape(expected, (-1, 3)))


def test_forgeries_have_no_score():
    truths = Segments.from_files([np.array([[0.5, 1.0]]), np.zeros((0, 2))])
    assert truths.scores.tolist() == [1.0]


def test_no_files():
    empty = Segments.from_files([])
    assert (empty.num_files, empty.counts.size, empty.to_rows()) == (0, 0, [])
    assert empty.by_score().files.size == 0


def test_best_first_whatever_the_order():
    rows = [(2, 3, 0.5), (0, 1, 0.5), (0, 0.5, 0.5), (4, 5, 0.9)]
    expected = [[4, 5, 0.9], [0, 0.5, 0.5], [0, 1, 0.5], [2, 3, 0.5]]
    for seed in range(4):
        shuffled = np.random.default_rng(seed).permutation(rows)
        found = Segments.from_files([[(9, 9, 1)], shuffled]).by_score().to_rows()
        np.testing.assert_array_equal(found[1], expected)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[], [(0, 1, 0.5), (1, math.nan, 0.5)]], r"finite intervals .*nan.* \(file 1\)"),
        ([[(1, 0.5, 0.5)]], r"end is not before their start, got .* \(file 0\)"),
        ([[(1, 2, 3, 4)]], r"got shape \(1, 4\) \(file 0\)"),
        ([[0.5, 1.0]], r"got shape \(2,\) \(file 0\)"),
    ],
)
def test_odd_rows_name_the_file(rows, message):
    with pytest.raises(ValueError, match=message):
        Segments.from_files(rows)


def test_steps_have_times_of_their_own():
    steps = steps_of_files([[0.1, np.nan, 0.3], [], [0.5]], [0.5, 1.0, 2.0], [0.0, 0.0, 10.0])
    assert steps.files.tolist() == [0, 0, 2]
    assert steps.starts.tolist() == [0.0, 1.0, 10.0]
    assert steps.ends.tolist() == [0.5, 1.5, 12.0]
    assert steps.scores.tolist() == [0.1, 0.3, 0.5]
    assert steps_of_files([], 0.5).files.size == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[[0.5]]], 1.0), r"`scores` of shape \(T,\), got \(1, 1\) \(file 0\)"),
        (([[0.5]], 0.0), "`step_seconds` > 0, got 0.0"),
        (([[0.5]], [1.0, 2.0]), r"one `step_seconds` or 1, got shape \(2,\)"),
        (([[0.5]], 1.0, [0.0, 1.0]), "one `start_seconds` or 1"),
    ],
)
def test_odd_steps(arguments, message):
    with pytest.raises(ValueError, match=message):
        steps_of_files(*arguments)


def test_pooled_proposals_stay_with_their_files():
    video = Segments.from_files([[(0, 1, 0.9)], [], [(2, 3, 0.1)]])
    audio = Segments.from_files([[(0, 1, 0.3)], [(4, 5, 0.8)], []])
    found = [rows.tolist() for rows in pooled([video, audio]).to_rows()]
    assert found == [[[0, 1, 0.9], [0, 1, 0.3]], [[4, 5, 0.8]], [[2, 3, 0.1]]]


def test_union_equals_merging_file_by_file():
    generator = np.random.default_rng(0)
    tracks = []
    for _ in range(2):
        rows = []
        for _ in range(60):
            starts = generator.integers(0, 20, generator.integers(0, 4)) / 10
            rows.append([(start, start + generator.integers(1, 9) / 10) for start in starts])
        tracks.append(rows)
    found = union([Segments.from_files(rows) for rows in tracks])
    for file, rows in enumerate(found.to_rows()):
        # Tenths, so that what touches is not told apart by rounding.
        whole = [(round(10 * a), round(10 * b)) for rows in tracks for a, b in rows[file]]
        expected = np.reshape(merge_intervals(whole), (-1, 2))
        np.testing.assert_allclose(10 * rows[:, :2], expected, atol=1e-9)
    assert union([Segments.from_files([[], []])]).files.size == 0


def test_tracks_of_other_files():
    for tracks in ([], [Segments.from_files([]), Segments.from_files([[]])]):
        with pytest.raises(ValueError, match="`tracks` of the same files, got tracks of"):
            pooled(tracks)
