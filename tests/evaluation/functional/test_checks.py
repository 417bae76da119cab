import numpy as np
import pytest

from macbdf_mm.evaluation.functional.checks import has_both_classes, labels_and_scores


def test_types():
    labels, scores = labels_and_scores([True, False], np.array([1, 0], dtype=np.float32))
    assert labels.dtype == np.int64
    assert scores.dtype == np.float64


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1], [0.5], r"one shape \(N,\), got \(2,\) and \(1,\)"),
        ([[0], [1]], [[0.5], [0.5]], r"one shape \(N,\)"),
        ([0, -1], [0.5, 0.5], r"`labels` of 0 and 1, got \[-1\]; leave unknown clips out"),
        ([0, 1], [0.5, np.nan], "without NaN, got 1 of 2"),
    ],
)
def test_what_is_refused(labels, scores, message):
    with pytest.raises(ValueError, match=message):
        labels_and_scores(labels, scores)


def test_both_classes():
    assert has_both_classes(np.array([0, 1]))
    assert not has_both_classes(np.array([1, 1]))
    assert not has_both_classes(np.array([], dtype=np.int64))
