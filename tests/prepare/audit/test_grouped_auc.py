from itertools import product

import numpy as np
import pytest

from macbdf_mm.prepare.audit.grouped_auc import grouped_auc, grouped_folds


class FeatureItself:
    """Scores clips by their feature, and learns nothing."""

    def __init__(self, num_clips):
        self.num_clips = num_clips

    def fit(self, features, labels):
        assert len(features) == self.num_clips

    def predict_proba(self, features):
        return np.stack([1 - features[:, 0], features[:, 0]], axis=1)


class SignOfTraining(FeatureItself):
    """Scores clips by their feature, in the direction that it has in training."""

    def fit(self, features, labels):
        self.sign = np.sign(np.cov(features[:, 0], labels)[0, 1])

    def predict_proba(self, features):
        return super().predict_proba(self.sign * features)


def draw(seed, num_groups=14, size=5, levels=6):
    """Return (features, labels, groups) with ties, and groups that are more or less fake."""
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.repeat(np.arange(num_groups), size))
    labels = (rng.random(len(groups)) < rng.uniform(0.2, 0.8, num_groups)[groups]).astype(np.int64)
    features = rng.integers(0, levels, (len(groups), 1)) + 1.5 * labels[:, None]
    return features.astype(np.float64), labels, groups


def pairs_by_brute_force(features, labels, folds, kept):
    """Return (won, all) pairs of a fake and a real clip of one test fold, of the kept clips."""
    won = num_pairs = 0.0
    for _, test in folds:
        fakes = [i for i in test if labels[i] == 1 and kept[i]]
        reals = [i for i in test if labels[i] == 0 and kept[i]]
        for i, j in product(fakes, reals):
            difference = features[i, 0] - features[j, 0]
            won += 1.0 if difference > 0 else 0.5 if difference == 0 else 0.0
            num_pairs += 1
    return won, num_pairs


@pytest.mark.parametrize("seed", range(3))
def test_auc_is_the_share_of_pairs_within_folds_that_are_in_order(seed):
    features, labels, groups = draw(seed)
    folds = grouped_folds(labels, groups, seed)
    won, num_pairs = pairs_by_brute_force(features, labels, folds, np.ones(len(labels), bool))
    found = grouped_auc(features, labels, groups, folds, FeatureItself)
    assert found.auc == pytest.approx(won / num_pairs, abs=1e-12)


def test_the_standard_error_is_that_of_leaving_out_each_group():
    features, labels, groups = draw(5, num_groups=40)
    folds = grouped_folds(labels, groups)
    without = []
    for group in range(40):
        won, num_pairs = pairs_by_brute_force(features, labels, folds, groups != group)
        without.append(won / num_pairs)
    jackknife = np.sqrt(39 / 40 * ((without - np.mean(without)) ** 2).sum())
    found = grouped_auc(features, labels, groups, folds, FeatureItself)
    # A pair inside of a group moves the AUC once, but counts for both of its clips.
    assert found.standard_error == pytest.approx(jackknife, rel=0.1)


def test_the_standard_error_is_the_spread_of_what_each_group_adds():
    features, labels, groups = draw(3, num_groups=12)
    folds = grouped_folds(labels, groups)
    found = grouped_auc(features, labels, groups, folds, FeatureItself)
    balance = np.zeros(12)
    num_pairs = 0
    for _, test in folds:
        for fake, real in product(test[labels[test] == 1], test[labels[test] == 0]):
            won = (1 + np.sign(features[fake, 0] - features[real, 0])) / 2
            # A pair counts for the group of its fake, and for that of its real clip.
            np.add.at(balance, groups[[fake, real]], won - found.auc)
            num_pairs += 1
    expected = np.sqrt(12 / 11 * ((balance / num_pairs) ** 2).sum())
    assert found.standard_error == pytest.approx(expected, rel=1e-9)


def test_copies_of_a_clip_add_nothing_to_what_is_known():
    features, labels, groups = draw(1, num_groups=30, size=2)
    once = grouped_auc(features, labels, groups, grouped_folds(labels, groups), FeatureItself)
    copies = [np.repeat(values, 8, axis=0) for values in (features, labels, groups)]
    eight = grouped_auc(*copies, grouped_folds(*copies[1:]), FeatureItself)
    assert eight.standard_error == pytest.approx(once.standard_error, rel=0.15)


def test_folds_share_no_group_and_test_each_clip_three_times():
    _, labels, groups = draw(2)
    folds = grouped_folds(labels, groups)
    assert len(folds) == 15
    for train, test in folds:
        assert not set(groups[train]) & set(groups[test])
        assert sorted([*train, *test]) == list(range(len(labels)))
    # Each time with other fifths.
    assert len({tuple(test) for _, test in folds}) > 10
    times_tested = np.bincount(np.concatenate([test for _, test in folds]))
    assert (times_tested == 3).all()


def test_folds_follow_from_the_seed():
    _, labels, groups = draw(2)
    first, again, other = (
        [test.tolist() for _, test in grouped_folds(labels, groups, seed)] for seed in (4, 4, 9)
    )
    assert first == again
    assert first != other


def test_a_classifier_cannot_learn_people():
    """Each person has a value of their own, and is real or fake throughout."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 10)
    labels = np.tile([0, 1], 20)[groups]
    features = rng.permutation(40).astype(np.float64)[groups][:, None]
    found = grouped_auc(features, labels, groups, grouped_folds(labels, groups))
    assert abs(found.auc - 0.5) < 4 * found.standard_error
    alone = np.arange(len(labels))
    assert grouped_auc(features, labels, alone, grouped_folds(labels, alone)).auc > 0.9


def test_an_interval_and_a_missing_value_are_found():
    rng = np.random.default_rng(3)
    labels = np.tile([0, 1], 60)
    groups = np.arange(120)
    folds = grouped_folds(labels, groups)
    inside = np.where(labels == 1, rng.uniform(-1, 1, 120), rng.choice([-2.0, 2.0], 120))
    missing = np.where(labels == 1, np.nan, rng.normal(size=120))
    for column in (inside, missing):
        assert grouped_auc(column[:, None], labels, groups, folds).auc > 0.95


@pytest.mark.parametrize("num_finite", [0, 1, 3])
def test_a_property_that_hardly_any_clip_has_tells_nothing(num_finite):
    labels, groups = np.tile([0, 1], 20), np.arange(40)
    column = np.full((40, 1), np.nan)
    column[:num_finite] = 2.0
    folds = grouped_folds(labels, groups)
    assert abs(grouped_auc(column, labels, groups, folds).auc - 0.5) < 0.1
    beside = np.concatenate([column, labels[:, None].astype(float)], axis=1)
    assert grouped_auc(beside, labels, groups, folds).auc == 1.0


def test_the_standard_error_is_honest_where_there_is_nothing_to_find():
    """Twelve people whose clips resemble each other, 300 times."""
    groups = np.repeat(np.arange(12), 8)
    labels = np.tile([0, 0, 0, 1, 1, 1, 1, 1], 12)
    folds = grouped_folds(labels, groups)
    rng = np.random.default_rng(0)
    z = []
    for _ in range(300):
        features = rng.normal(size=12)[groups] + rng.normal(size=len(groups))
        found = grouped_auc(features[:, None], labels, groups, folds, SignOfTraining)
        z.append((found.auc - 0.5) / found.standard_error)
    assert 0.8 < np.std(z) < 1.4
    assert np.mean(np.array(z) > 4) < 0.01


def test_too_few_groups_are_not_judged():
    labels = np.repeat([0, 1], 50)
    groups = np.r_[np.arange(50), 100 + np.arange(50) % 9]
    assert grouped_folds(labels, groups) == []
    found = grouped_auc(np.zeros((100, 1)), labels, groups, [])
    assert np.isnan([found.auc, found.standard_error]).all()
    groups[50:] = 100 + np.arange(50) % 10
    assert len(grouped_folds(labels, groups)) == 15


def test_no_clips_are_not_judged():
    nothing = np.zeros(0, np.int64)
    assert grouped_folds(nothing, nothing) == []
