import math

import numpy as np
import pytest
from scipy.stats import binom

from macbdf_mm.evaluation.functional.chance_calibration import ece_by_chance
from macbdf_mm.evaluation.functional.detection import auc, ece
from macbdf_mm.evaluation.functional.probabilities import from_log_odds


def calibrated_clips(rng, num, separation):
    """Scores that are the probabilities of the labels: log likelihood ratios of two normals."""
    labels = (rng.random(num) < 0.6).astype(int)
    logits = separation * (rng.normal(size=num) + separation * (labels - 0.5))
    return labels, from_log_odds(logits + math.log(0.6 / 0.4))


@pytest.mark.parametrize(("num", "about"), [(130, 0.094), (270, 0.066), (5000, 0.0152)])
def test_it_is_what_a_perfectly_calibrated_detector_gets(num, about):
    """An AUC of 0.9: the ECE of 270 clips is 0.066 although nothing is wrong with the scores."""
    rng = np.random.default_rng(0)
    drawn = [calibrated_clips(rng, num, 1.81) for _ in range(120)]
    found = np.array([(auc(y, s), ece(y, s), ece_by_chance(y, s)) for y, s in drawn]).mean(axis=0)
    assert found[0] == pytest.approx(0.9, abs=0.005)
    assert found[1] == pytest.approx(found[2], rel=0.05)  # 120 sets: a standard error of 2 %
    assert found[2] == pytest.approx(about, rel=0.07)


@pytest.mark.parametrize("num", [1, 5, 63, 64, 200])
def test_a_bin_of_equal_scores_is_binomial(num):
    counts = np.arange(num + 1)
    expected = binom.pmf(counts, num, 0.3) @ np.abs(counts / num - 0.3)
    assert ece_by_chance(np.zeros(num), np.full(num, 0.3)) == pytest.approx(expected, rel=0.01)


def test_certain_scores_and_no_clips():
    assert ece_by_chance([0, 1], [0.0, 1.0]) == 0
    assert math.isnan(ece_by_chance([], []))


@pytest.mark.parametrize(
    ("scores", "num_bins", "message"),
    [([0.5], 0, "`num_bins` > 0, got 0"), ([2.0], 15, r"P\(fake\) in \[0, 1\], got 2")],
)
def test_what_is_refused(scores, num_bins, message):
    with pytest.raises(ValueError, match=message):
        ece_by_chance([1], scores, num_bins)
