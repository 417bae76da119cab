import numpy as np
import pytest
from scipy.special import expit, logit

from macbdf_mm.evaluation.functional.probabilities import (
    SMALLEST,
    checked_probabilities,
    from_log_odds,
    log_odds,
)


def test_logits_equal_scipy():
    scores = np.linspace(0.001, 0.999, 99)
    np.testing.assert_allclose(log_odds(scores), logit(scores), rtol=1e-12)
    logits = np.linspace(-800, 800, 99)
    np.testing.assert_allclose(from_log_odds(logits), expit(logits), rtol=1e-12, atol=1e-300)


def test_saturated_scores_are_as_certain_as_float32_can_be():
    assert np.nextafter(np.float32(1), np.float32(0)) == 1 - SMALLEST
    np.testing.assert_array_equal(log_odds([0.0, 1.0]), log_odds([SMALLEST, 1 - SMALLEST]))
    assert log_odds(1.0) == pytest.approx(16.6, abs=0.05)


def test_unseen_tracks_stay_unseen():
    assert np.isnan(log_odds(np.nan))
    assert np.isnan(from_log_odds([np.nan, 0])).tolist() == [True, False]
    assert from_log_odds([-np.inf, np.inf]).tolist() == [0, 1]


@pytest.mark.parametrize("score", [-0.01, 1.5, np.inf])
def test_no_probability(score):
    with pytest.raises(ValueError, match=r"P\(fake\) in \[0, 1\], got .* at index 1; calibrate"):
        checked_probabilities([0.5, score])
