"""The distribution of real windows' scores, and what follows from it for files of any length."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from macbdf_mm.evaluation.functional.aggregation import aggregate_windows
from macbdf_mm.evaluation.functional.probabilities import from_log_odds, log_odds
from macbdf_mm.evaluation.functional.real_windows import RealWindows, simes
from macbdf_mm.evaluation.functional.window_groups import group_scores, group_slices, run_scores

# Clips of about 3 s in windows that overlap by half. A file of 120 s has 187 windows, one of
# ten minutes has 937.
CLIP_WINDOWS = 4
LENGTHS = {1: 1, 2: 3, 20: 30, 120: 187, 320: 500, 600: 937}
scores = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def real_files(rng, num_files, num_windows):
    """Return scores of real files, put together of short clips, shape (files, windows).

    Half of the variance is of the clip, and windows that overlap share half of the rest.
    """
    noise = rng.standard_normal((num_files, num_windows + 1))
    noise = (noise[:, 1:] + noise[:, :-1]) / math.sqrt(2)
    clips = rng.standard_normal((num_files, -(-num_windows // CLIP_WINDOWS)))
    clips = np.repeat(clips, CLIP_WINDOWS, axis=1)[:, :num_windows]
    return from_log_odds(1.5 * (noise + clips) / math.sqrt(2) - 3)


@pytest.fixture(scope="module")
def fits():
    """Of eight validation sets of 400 clips: where a tail ends is a matter of chance."""
    seeds = range(8)
    files = [real_files(np.random.default_rng(seed), 400, CLIP_WINDOWS) for seed in seeds]
    return [fitted_to(scores) for scores in files]


def fitted_to(files):
    return RealWindows.fit(np.concatenate([run_scores(scores) for scores in files]))


def windows_by_themselves(real, scores):
    """Simes' rule without groups, by a tail that is taken a whole standard error heavier."""
    return real.scores(simes(real.p_values(scores)))


@pytest.fixture(scope="module")
def real(fits):
    return fits[0]


def simes_by_hand(p_values):
    ordered = sorted(p_values)
    return min(len(ordered) / rank * p for rank, p in enumerate(ordered, start=1))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_simes_rule(p_values):
    assert simes(np.array(p_values)) == pytest.approx(simes_by_hand(p_values))


def test_simes_is_exact_for_independent_and_for_equal_p_values():
    rng = np.random.default_rng(0)
    for count in (1, 3, 40):
        alone = rng.random((4000, count))
        found = np.array([simes(row) for row in alone])
        assert [(found <= level).mean() for level in (0.05, 0.2, 0.5)] == pytest.approx(
            [0.05, 0.2, 0.5], abs=0.03
        )
        assert simes(np.full(count, 0.3)) == pytest.approx(0.3)


def test_without_data_a_p_value_is_what_a_score_lacks_to_one():
    unfitted = RealWindows.unfitted()
    values = np.linspace(0.002, 0.998, 200)
    assert unfitted.p_values(values) == pytest.approx(1 - values, abs=0.006)
    assert unfitted.file_score(np.array([0.5, 0.5])) == pytest.approx(0.5, abs=0.005)
    assert np.isnan(unfitted.p_values([math.nan]))


def test_a_fitted_p_value_is_the_share_of_real_windows_above(real):
    files = real_files(np.random.default_rng(2), 5000, CLIP_WINDOWS)
    fresh = np.concatenate([group_scores(row) for row in files])
    for score in (0.01, 0.05, 0.2, 0.4, 0.8):
        share = (fresh > score).mean()
        # A tail is taken a little heavier than it seems.
        assert share / 1.3 - 0.002 < real.p_values(score) < 1.5 * share + 0.04


@given(score=st.floats(1e-6, 1 - 1e-6))
def test_scores_are_the_inverse_of_p_values_and_a_file_of_one_window_has_its_score(real, score):
    for distribution in (real, RealWindows.unfitted(), RealWindows.from_values(real.values)):
        assert distribution.scores(distribution.p_values(score)) == pytest.approx(score, abs=1e-6)
        assert distribution.file_score(np.array([score])) == pytest.approx(score, abs=1e-6)


@given(values=scores)
def test_a_higher_window_never_lowers_the_score_of_a_file(real, values):
    values = np.array(values)
    higher = values.copy()
    higher[0] = (1 + higher[0]) / 2
    assert real.file_score(higher) >= real.file_score(values) - 1e-9


def false_alarms(rule, short, files):
    """Return shares of files of each length that are called fake, as a tenth of short ones is."""
    threshold = np.quantile([rule(row) for row in short], 0.9)
    return [float(np.mean([rule(row) >= threshold for row in rows])) for rows in files]


def test_false_alarms_do_not_grow_or_vanish_with_length(fits):
    """As those of a maximum grow, and those of means vanish: from one window to ten minutes."""
    rng = np.random.default_rng(3)
    short = real_files(rng, 500, CLIP_WINDOWS)
    files = [real_files(rng, 120, num_windows) for num_windows in LENGTHS.values()]
    rates = np.mean([false_alarms(real.file_score, short, files) for real in fits], axis=0)
    # Two standard errors of 120 files are 0.05.
    assert all(0.04 < rate < 0.16 for rate in rates), rates
    others = {
        method: false_alarms(partial(aggregate_windows, method=method), short, files)
        for method in ("max", "mean", "top_quarter_mean")
    }
    assert others["max"][-1] > 0.95
    assert others["mean"][-1] == others["top_quarter_mean"][-1] == 0


def test_nor_do_they_vanish_if_few_clips_were_there_to_fit_on():
    """As they do by windows alone and a tail that is taken to be heavier than it seems."""
    rng = np.random.default_rng(7)
    short = real_files(rng, 300, CLIP_WINDOWS)
    files = [real_files(rng, 80, num_windows) for num_windows in (30, 100, 187)]
    rates, former_rates = [], []
    for seed in range(8):
        clips = real_files(np.random.default_rng(seed), 52, CLIP_WINDOWS)
        rates.append(false_alarms(fitted_to(clips).file_score, short, files))
        alone = RealWindows.fit(clips.ravel())
        alone = replace(alone, high_scale=1.2 * alone.high_scale)
        former = partial(windows_by_themselves, alone)
        former_rates.append(false_alarms(former, short, files))
    assert 0.07 < np.mean(rates) < 0.14, np.mean(rates, axis=0)
    assert np.mean(former_rates) < 0.06, np.mean(former_rates, axis=0)


def test_a_forgery_of_2_4_seconds_is_found_in_two_minutes(real):
    """Four windows of 187 score four standard deviations higher; a mean does not see them."""
    rng = np.random.default_rng(5)
    short = real_files(rng, 2000, CLIP_WINDOWS)
    logits = log_odds(real_files(rng, 200, LENGTHS[120]))
    logits[:, 60:64] += 4 * 1.5
    files = from_log_odds(logits)
    (found,) = false_alarms(real.file_score, short, [files])
    assert found > 0.8
    (found,) = false_alarms(partial(aggregate_windows, method="top_quarter_mean"), short, [files])
    assert found < 0.1
    named = np.array([real.flagged(row, 0.05) for row in files])
    assert named[:, 60:64].any(axis=1).mean() > 0.7
    assert named[:, :56].mean() < 1e-3


@pytest.mark.parametrize("num_windows", LENGTHS.values())
def test_windows_of_real_files_stand_out_as_rarely_as_promised(fits, num_windows):
    files = real_files(np.random.default_rng(6), 60, num_windows)
    flagged = [real.flagged(row, 0.05).any() for real in fits for row in files]
    # The same 60 files for all fits: two standard errors of 60.
    assert np.mean(flagged) < 0.05 + 0.056


@given(values=scores, rate=st.floats(0.01, 0.3))
def test_hochberg_s_procedure(real, values, rate):
    groups = group_scores(values)
    p_values = real.p_values(groups)
    ordered = sorted(p_values)
    passing = [p for rank, p in enumerate(ordered) if p * (len(ordered) - rank) <= rate]
    expected = [
        bool(passing) and p_value <= max(passing) and value >= score - 1e-9
        for group, score, p_value in zip(group_slices(len(values)), groups, p_values, strict=True)
        for value in values[group]
    ]
    assert real.flagged([*values, math.nan], rate).tolist() == [*expected, False]
    # Gaps between windows move none into another group.
    assert real.flagged([math.nan, *values], rate).tolist() == [False, *expected]


@given(values=scores)
def test_no_window_stands_out_of_a_file_that_does_not(real, values):
    p_value = simes(real.p_values(group_scores(values)))
    assert not (real.flagged(values, 0.05).any() and p_value > 0.05)


def test_saturated_scores_make_a_distribution_all_the_same():
    for constant in (0.0, 1.0, 0.5):
        fitted = RealWindows.fit(np.full(30, constant))
        assert np.isfinite(fitted.values).all()
        assert (np.diff(fitted.knots) > 0).all()
        assert 0 <= fitted.file_score(np.array([0.0, 1.0])) <= 1


@pytest.mark.parametrize("values", [[0.1] * 19, [0.1] * 30 + [math.nan], [[0.1] * 30]])
def test_too_few_windows_or_unseen_ones_are_refused(values):
    with pytest.raises(ValueError, match="at least 20 runs without NaN"):
        RealWindows.fit(values)
