import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from macbdf_mm.evaluation.functional.weighted_clips import (
    RankedClips,
    WeightedClips,
    coarse_levels,
    first_of_runs,
    labels_and_scores,
    run_numbers,
)


def draw(seed: int, size: int = 40, levels: int = 7, num_clusters: int = 6, rows: int = 5):
    """Labels, scores with ties, clusters, and counts of the clusters."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(size) % 3 == 0).astype(int)
    scores = generator.integers(0, levels, size) / levels
    clusters = generator.integers(0, num_clusters, size)
    return labels, scores, clusters, generator.integers(0, 4, (rows, num_clusters)).astype(float)


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1], [0.5], r"one shape \(N,\), got \(2,\) and \(1,\)"),
        ([[0], [1]], [[0.5], [0.5]], r"one shape \(N,\)"),
        ([0, 1, -1], [0.5] * 3, r"0 and 1, got \[-1\]; leave unknown .* is at index 2\)"),
        ([0, 1, 1], [0.5, np.nan, np.nan], "without NaN, got 2 of 3; .* is at index 1"),
    ],
)
def test_what_is_refused_says_which_clip(labels, scores, message):
    with pytest.raises(ValueError, match=message):
        labels_and_scores(labels, scores)


@pytest.mark.parametrize("levels", [3, 10**6])
@pytest.mark.parametrize("seed", range(3))
def test_numbers_by_level_equal_counting(seed, levels):
    labels, scores, clusters, counts = draw(seed, levels=levels)
    clips = WeightedClips(RankedClips.of(labels, scores, clusters, 6), counts)
    distinct = np.unique(scores)[::-1]
    for row, count in enumerate(counts):
        weights = count[clusters]
        fakes = [weights[(scores == level) & (labels == 1)].sum() for level in distinct]
        reals = [weights[(scores > level) & (labels == 0)].sum() for level in distinct]
        np.testing.assert_array_equal(clips.fakes_at[row], fakes)
        np.testing.assert_array_equal(clips.reals_above[row, :-1], reals)
        assert clips.num_fakes[row] == weights[labels == 1].sum() == clips.fakes_above[row, -1]
        assert clips.num_reals[row] == weights[labels == 0].sum()
        assert clips.fakes_from(0.5)[row] == weights[(labels == 1) & (scores >= 0.5)].sum()
        squares = (weights * scores**2)[labels == 0].sum()
        assert clips.sum_over_reals("squares", np.square)[row] == pytest.approx(squares)


def test_weights_are_in_ranked_order():
    labels, scores, clusters, counts = draw(0)
    ranked = RankedClips.of(labels, scores, clusters, 6)
    weights = WeightedClips(ranked, counts).weights
    np.testing.assert_array_equal(weights, counts[:, clusters][:, ranked.order])
    assert (np.diff(ranked.scores) <= 0).all()


def test_without_weights_each_clip_counts_once():
    labels, scores, clusters, _ = draw(1)
    plain = WeightedClips.unweighted(labels, scores)
    drawn_once = WeightedClips(RankedClips.of(labels, scores, clusters, 6), np.ones((1, 6)))
    np.testing.assert_array_equal(plain.fakes_above, drawn_once.fakes_above)
    np.testing.assert_array_equal(plain.reals_at, drawn_once.reals_at)


def test_one_class_and_none():
    for labels in ([], [0], [1, 1]):
        clips = WeightedClips.unweighted(labels, [0.5] * len(labels))
        assert np.isnan(clips.fakes_or_nan[0]) == (1 not in labels)
        assert np.isnan(clips.reals_or_nan[0]) == (0 not in labels)
        assert np.isnan(clips.clips_or_nan[0]) == (not labels)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 9)), min_size=1, max_size=30))
def test_bisection_finds_what_a_scan_finds(pairs):
    labels, scores = zip(*pairs, strict=True)
    clips = WeightedClips.unweighted(labels, scores)
    called = clips.fakes_above[0] + clips.reals_above[0]
    wanted = len(pairs) / 2
    found = clips.first_level(lambda fakes, reals: fakes + reals >= wanted)
    assert found[0] == np.argmax(called >= wanted)


def test_a_function_is_called_once_for_all_resamples():
    labels, scores, clusters, counts = draw(2)
    ranked = RankedClips.of(labels, scores, clusters, 6)
    calls = []

    def note(values):
        calls.append(1)
        return values

    for _ in range(3):
        WeightedClips(ranked, counts).sum_over_fakes("note", note)
    assert len(calls) == 1


def test_runs():
    values = np.array([3.0, 3.0, 2.0, 1.0, 1.0])
    first = first_of_runs(values)
    assert first.tolist() == [0, 2, 3]
    assert run_numbers(first, 5).tolist() == [0, 0, 1, 2, 2]
    assert first_of_runs(np.zeros(0)).tolist() == []


@pytest.mark.parametrize("distinct", [200, 5000])
def test_coarse_levels_split_no_ties_and_keep_the_highest_real_clips_apart(distinct):
    generator = np.random.default_rng(0)
    scores = np.sort(generator.integers(0, distinct, 5000))[::-1].astype(float)
    is_fake = generator.random(5000) < 0.9
    first = coarse_levels(first_of_runs(scores), is_fake, 64)
    assert first.size <= 64
    assert first[0] == 0
    assert np.isin(first, first_of_runs(scores)).all()
    if distinct == 5000:
        for real in np.flatnonzero(~is_fake)[:16]:
            start = first[np.searchsorted(first, real, side="right") - 1]
            assert is_fake[start:real].all() or scores[start] == scores[real]


def test_coarse_levels_keep_the_rare_false_alarms_exact():
    generator = np.random.default_rng(1)
    labels = (generator.random(3000) < 0.7).astype(int)
    scores = generator.normal(labels)
    fine, coarse = (
        WeightedClips(RankedClips.of(labels, scores, max_levels=most), np.ones((1, 1)))
        for most in (None, 200)
    )
    for allowed in range(50):
        found = []
        for clips in (fine, coarse):
            exceeding = clips.first_level(lambda fakes, reals, most=allowed: reals > most)
            found.append(clips.fakes_above[0, exceeding[0] - 1])
        assert found[0] == found[1]


def test_too_few_levels():
    with pytest.raises(ValueError, match="`max_levels` > 3, got 2"):
        coarse_levels(np.arange(9), np.ones(9, bool), 2)
