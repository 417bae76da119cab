"""How well a classifier tells real from fake among people and recordings it has not seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedGroupKFold

from macbdf_mm.structures.labels import FAKE, REAL

_NUM_FOLDS = 5
_NUM_REPEATS = 3
# With fewer, a class can be told from the other by luck: ten groups against ten are parted
# perfectly by chance once in 184,756 times, five against five once in 252.
MIN_GROUPS = 10

Fold = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


@dataclass(frozen=True)
class GroupedAuc:
    """A cross-validated area under the ROC curve.

    Attributes:
        auc: 0.5 says nothing, 1 tells all; NaN if there are too few groups.
        standard_error: By how much it would differ with other groups; NaN as above.
    """

    auc: float
    standard_error: float


def small_boosting(num_clips: int) -> HistGradientBoostingClassifier:
    """Return a few shallow trees, which find any interval or jump, and read NaN as a value.

    Args:
        num_clips: How many clips it will learn from; a leaf holds a twentieth, at most 20.
    """
    return HistGradientBoostingClassifier(
        max_iter=30,
        max_depth=3,
        min_samples_leaf=int(np.clip(num_clips // 20, 2, 20)),
        early_stopping=False,
        random_state=0,
    )


def grouped_folds(
    labels: npt.NDArray[np.int64], groups: npt.NDArray[np.int64], seed: int = 0
) -> list[Fold]:
    """Return (training, test) indices of three times five folds that share no group.

    Args:
        labels: 1 fake, 0 real, shape (N,).
        groups: Which clips belong together, shape (N,).
        seed: Of the draw.

    Returns:
        Nothing if a class has fewer than ten groups.
    """
    if min(len(np.unique(groups[labels == kind])) for kind in (REAL, FAKE)) < MIN_GROUPS:
        return []
    return [
        fold
        for repeat in range(_NUM_REPEATS)
        for fold in StratifiedGroupKFold(
            _NUM_FOLDS, shuffle=True, random_state=seed + repeat
        ).split(np.zeros(len(labels)), labels, groups)
    ]


def grouped_auc(
    features: npt.NDArray[np.float64],
    labels: npt.NDArray[np.int64],
    groups: npt.NDArray[np.int64],
    folds: Sequence[Fold],
    make_classifier: Callable[[int], Any] = small_boosting,
) -> GroupedAuc:
    """Return the cross-validated AUC of a classifier with its standard error.

    Fakes are compared with the real clips of the same fold alone, each pair counting the same:
    folds differ in how many are fake, and scores of several classifiers together would tell
    that apart, and hide or feign a shortcut.

    The standard error follows from how far the pairs of each group move the AUC, after Obuchowski,
    "Nonparametric analysis of clustered ROC curve data" (Biometrics 53, 1997), for the folds as in
    LeDell, Petersen and van der Laan, "Computationally efficient confidence intervals for
    cross-validated area under the ROC curve estimates" (2015). Clips of one person count
    as one draw in it, so a hundred clips of few people do not look like a hundred people.

    Args:
        features: Shape (N, K); NaN where a clip has no value.
        labels: 1 fake, 0 real, shape (N,).
        groups: Which clips belong together, shape (N,).
        folds: As of :func:`grouped_folds`.
        make_classifier: Returns a new classifier of scikit-learn's form for a number of clips.
    """
    wins, pairs = np.zeros(len(labels)), np.zeros(len(labels))
    for train, test in folds:
        if len(np.unique(labels[train])) < 2:
            continue
        won, compared = _compare(
            labels[test], _scores(features, labels, train, test, make_classifier)
        )
        wins[test] += won
        pairs[test] += compared
    if not pairs.any():
        return GroupedAuc(float("nan"), float("nan"))
    auc = wins.sum() / pairs.sum()
    influences = 2 * (wins - auc * pairs) / pairs.sum()
    numbers, of_group = np.unique(groups, return_inverse=True)
    sums = np.bincount(of_group, influences, len(numbers))
    error = np.sqrt(len(numbers) / (len(numbers) - 1) * (sums**2).sum())
    return GroupedAuc(float(auc), float(error))


def _scores(
    features: npt.NDArray[np.float64],
    labels: npt.NDArray[np.int64],
    train: npt.NDArray[np.int64],
    test: npt.NDArray[np.int64],
    make_classifier: Callable[[int], Any],
) -> npt.NDArray[np.float64]:
    """Return how fake each tested clip looks, all the same if no training clip has a value."""
    # A column without any value is an error to scikit-learn's binning.
    has_values = ~np.isnan(features[train]).all(axis=0)
    if not has_values.any():
        return np.zeros(len(test))
    classifier = make_classifier(len(train))
    classifier.fit(features[train][:, has_values], labels[train])
    return classifier.predict_proba(features[test][:, has_values])[:, 1]


def _compare(
    labels: npt.NDArray[np.int64], scores: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return for each clip in how many pairs with the other class it is on the right side.

    And in how many pairs it is. A tie counts one half.
    """
    is_fake = labels == FAKE
    below = rankdata(scores)  # Clips of either class below, and itself.
    for kind in (is_fake, ~is_fake):
        below[kind] -= rankdata(scores[kind])
    num_fake, num_real = int(is_fake.sum()), int((~is_fake).sum())
    return np.where(is_fake, below, num_fake - below), np.where(is_fake, num_real, num_fake)
