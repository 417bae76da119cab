import json
import math

import numpy as np
import pytest
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from macbdf_mm.evaluation.functional.calibration import (
    ISOTONIC_MIN_CLIPS,
    METHODS,
    apply_calibration,
    calibrated_logits,
    fit_calibration,
)
from macbdf_mm.evaluation.functional.detection import auc, ece, log_loss


def draw(size: int = 600, seed: int = 0, slope: float = 0.4, bias: float = -2.0):
    """Labels and logits that are too extreme and off centre: P(fake) = expit(slope * z + bias)."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(5.0, 5.0, size)
    return (generator.random(size) < expit(slope * logits + bias)).astype(int), logits


def maximum_likelihood(labels, logits, has_bias):
    """Logistic regression without a penalty on Platt's targets: each clip in both classes."""
    num_fake, num_real = int(labels.sum()), int((1 - labels).sum())
    targets = np.where(labels == 1, (num_fake + 1) / (num_fake + 2), 1 / (num_real + 2))
    model = LogisticRegression(C=np.inf, fit_intercept=has_bias, tol=1e-12, max_iter=10000)
    model.fit(
        np.tile(logits, 2)[:, None],
        np.repeat([1, 0], labels.size),
        sample_weight=np.concatenate([targets, 1 - targets]),
    )
    return float(model.coef_[0, 0]), float(np.ravel(model.intercept_)[0])


def test_platt_equals_logistic_regression():
    labels, logits = draw()
    found = fit_calibration(labels, logits, "platt")
    slope, bias = maximum_likelihood(labels, logits, has_bias=True)
    assert (found["slope"], found["bias"]) == pytest.approx((slope, bias), rel=1e-4)
    assert (found["num_real"], found["num_fake"]) == (int((1 - labels).sum()), int(labels.sum()))


def test_temperature_equals_logistic_regression_without_intercept():
    labels, logits = draw(bias=0)
    found = fit_calibration(labels, logits, "temperature")
    slope, _ = maximum_likelihood(labels, logits, has_bias=False)
    assert found["temperature"] == pytest.approx(1 / slope, rel=1e-4)


@pytest.mark.parametrize(("method", "bound"), [("platt", 0.03), ("isotonic", 0.05)])
def test_other_clips_are_calibrated_as_well(method, bound):
    calibration = fit_calibration(*draw(4000), method)
    labels, logits = draw(4000, seed=1)
    before, after = expit(logits), apply_calibration(calibration, logits)
    assert ece(labels, before) > 0.15
    assert ece(labels, after) < bound
    assert log_loss(labels, after) < log_loss(labels, before) / 1.5


def test_isotonic_follows_what_no_line_does():
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 3, 8000)
    labels = (generator.random(8000) < np.where(logits < 0, 0.2, 0.7)).astype(int)
    fits = {kind: apply_calibration(fit_calibration(labels, logits, kind), logits)
            for kind in ("platt", "isotonic")}  # fmt: skip
    assert ece(labels, fits["isotonic"]) < 0.02 < ece(labels, fits["platt"])


def test_isotonic_equals_scikit_learn_but_for_a_slight_slope():
    labels, logits = draw(3000)
    scores = apply_calibration(fit_calibration(labels, logits, "isotonic"), logits)
    expected = IsotonicRegression().fit_transform(logits, labels)
    np.testing.assert_allclose(scores, expected, atol=0.005)


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_clips_stays(method):
    labels, logits = draw(3000)
    calibration = fit_calibration(labels, logits, method)
    other_labels, other = draw(500, seed=2)
    ends = np.concatenate([other, logits.min() - np.arange(1.0, 9), logits.max() + np.arange(9.0)])
    values = calibrated_logits(calibration, np.sort(ends))
    assert (np.diff(values)[np.diff(np.sort(ends)) > 0] > 0).all()
    assert auc(other_labels, apply_calibration(calibration, other)) == auc(other_labels, other)


@pytest.mark.parametrize("method", METHODS)
def test_separable_clips_have_a_finite_map(method):
    labels, logits = [0] * 20 + [1] * 20, np.r_[np.linspace(-3, -1, 20), np.linspace(1, 3, 20)]
    scores = apply_calibration(fit_calibration(labels, logits, method), logits)
    assert 0.001 < scores.min() < 0.05
    assert 0.95 < scores.max() < 0.999


@pytest.mark.parametrize("method", METHODS)
def test_a_detector_worse_than_chance_is_not_turned_around(method):
    labels, logits = draw()
    calibration = fit_calibration(1 - labels, logits, method)
    assert (np.diff(calibrated_logits(calibration, np.linspace(-9, 20, 50))) > 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_equal_logits(method):
    scores = apply_calibration(fit_calibration([0, 1, 1, 1], [0.5] * 4, method), [0.5])
    assert scores == pytest.approx([0.7], abs=0.1)


@pytest.mark.parametrize("method", METHODS)
def test_maps_are_plain_values(method):
    labels, logits = draw(300)
    calibration = fit_calibration(labels, logits, method)
    again = json.loads(json.dumps(calibration))
    expected = apply_calibration(calibration, logits)
    np.testing.assert_array_equal(apply_calibration(again, logits), expected)


def test_unseen_tracks_stay_unseen():
    labels, logits = draw(300)
    for method in METHODS:
        scores = apply_calibration(fit_calibration(labels, logits, method), [[math.nan, 1.0]])
        assert np.isnan(scores).tolist() == [[True, False]]


def test_data_decide_which_map():
    for size, method in ((2 * ISOTONIC_MIN_CLIPS, "isotonic"), (1990, "platt")):
        labels = np.arange(size) % 2
        logits = np.random.default_rng(0).normal(labels)
        assert fit_calibration(labels, logits)["method"] == method


@pytest.mark.parametrize("labels", [[], [1, 1]])
def test_without_both_classes_nothing_is_fitted(labels):
    calibration = fit_calibration(labels, [2.0] * len(labels))
    assert calibration == {"method": "none", "num_real": 0, "num_fake": len(labels)}
    assert apply_calibration(calibration, 2.0) == pytest.approx(expit(2.0))
    with pytest.raises(ValueError, match=f"real and fake clips .* got 0 real and {len(labels)}"):
        fit_calibration(labels, [2.0] * len(labels), "platt")


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"`method` in \['temperature', .*\], got 'beta'"):
        fit_calibration([0, 1], [0.0, 1.0], "beta")
    with pytest.raises(ValueError, match="finite `logits`, got inf at index 1"):
        fit_calibration([0, 1], [0.0, math.inf])
    with pytest.raises(ValueError, match="got 1 of 2"):
        fit_calibration([0, 1], [0.0, math.nan])
    with pytest.raises(ValueError, match="isotonic or none, got None"):
        apply_calibration({}, [1.0])
