"""Maps from a detector's logits to probabilities, fitted on validation data.

A map is a dict of plain values, to be kept in a checkpoint or a JSON file. All of them increase
strictly, so that the order of clips, and with it every metric of rank, stays as it is. The
probabilities hold for the share of fakes of the data on which the map was fitted.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq, minimize
from sklearn.isotonic import IsotonicRegression

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.functional.probabilities import from_log_odds, log_odds
from macbdf_mm.evaluation.functional.weighted_clips import Floats, Labels, labels_and_scores
from macbdf_mm.structures.labels import FAKE, REAL

Calibration = dict[str, Any]
"""``method`` and its parameters; ``num_real`` and ``num_fake`` clips that it was fitted on."""

METHODS = ("temperature", "platt", "isotonic")

ISOTONIC_MIN_CLIPS = 1000
"""Clips of the scarcer class from which isotonic regression is chosen.

With fewer it follows chance (Niculescu-Mizil and Caruana, ICML 2005, find the same bound).
"""

MAX_KNOTS = 256
"""Of an isotonic map, which then has a place of fixed size in a checkpoint."""

# A slope below would turn the order of the clips around, or make them equal within rounding.
_SLOPES = (1e-3, 1e3)


def fit_calibration(labels: Any, logits: Any, method: str = "auto") -> Calibration:
    """Return the map of the wanted kind.

    Args:
        labels: 1 fake, 0 real, shape (N,), of validation clips.
        logits: Raw scores of the same clips, shape (N,).
        method: ``'temperature'`` divides logits, ``'platt'`` also adds a bias, ``'isotonic'``
            follows the data. ``'auto'`` is isotonic regression from 1,000 clips of each class on,
            and Platt's scaling below. Without clips of both classes, ``'auto'`` leaves logits as
            they are, as ``method`` ``'none'`` of the result says.

    Raises:
        ValueError: If there is no such method, labels or logits are not of that kind or not
            finite, or a class is missing and the method is not ``'auto'``.
    """
    if method not in (*METHODS, "auto"):
        raise ArgumentError(f"Expected `method` in {[*METHODS, 'auto']}, got {method!r}.")
    labels, logits = labels_and_scores(labels, logits)
    if not np.isfinite(logits).all():
        index = int(np.argmin(np.isfinite(logits)))
        raise ArgumentError(f"Expected finite `logits`, got {logits[index]} at index {index}.")
    counts = {"num_real": int((labels == REAL).sum()), "num_fake": int((labels == FAKE).sum())}
    scarcer = min(counts.values())
    if method == "auto" and scarcer == 0:
        return {"method": "none", **counts}
    if scarcer == 0:
        raise ArgumentError(
            f"Expected real and fake clips to fit a calibration, got {counts['num_real']} real and "
            f"{counts['num_fake']} fake."
        )
    if method == "auto":
        method = "isotonic" if scarcer >= ISOTONIC_MIN_CLIPS else "platt"
    fit = {"temperature": _fit_temperature, "platt": _fit_platt, "isotonic": _fit_isotonic}[method]
    return {"method": method, **fit(labels, logits), **counts}


def calibrated_logits(calibration: Calibration, logits: Any) -> npt.NDArray[np.float64]:
    """Return the logits of the calibrated P(fake), of the same shape; NaN where it is NaN.

    Args:
        calibration: A map that :func:`fit_calibration` returned.
        logits: Raw scores of any shape.

    Raises:
        ValueError: If the map has no known method.
    """
    logits = np.asarray(logits, dtype=np.float64)
    method = calibration.get("method")
    if method == "none":
        return logits
    if method == "temperature":
        return logits / calibration["temperature"]
    if method == "platt":
        return calibration["slope"] * logits + calibration["bias"]
    if method == "isotonic":
        return _apply_isotonic(calibration, logits)
    raise ArgumentError(
        f"Expected a `calibration` with method {', '.join(METHODS)} or none, got {method!r}."
    )


def apply_calibration(calibration: Calibration, logits: Any) -> npt.NDArray[np.float64]:
    """Return P(fake) of raw scores; arguments as of :func:`calibrated_logits`."""
    return from_log_odds(calibrated_logits(calibration, logits))


def _targets(labels: Labels) -> Floats:
    """Return Platt's targets, a little inside (0, 1): separable clips then have a finite map."""
    num_fake = int((labels == FAKE).sum())
    num_real = labels.size - num_fake
    return np.where(labels == FAKE, (num_fake + 1) / (num_fake + 2), 1 / (num_real + 2))


def _fit_temperature(labels: Labels, logits: Floats) -> dict[str, Any]:
    targets = _targets(labels)

    def slope_of_loss(scale: float) -> float:  # rises with the scale: the loss is convex
        return float(((from_log_odds(scale * logits) - targets) * logits).mean())

    low, high = _SLOPES
    if slope_of_loss(low) >= 0:
        scale = low
    elif slope_of_loss(high) <= 0:
        scale = high
    else:
        scale = float(brentq(slope_of_loss, low, high))
    return {"temperature": 1 / scale}


def _fit_platt(labels: Labels, logits: Floats) -> dict[str, Any]:
    targets = _targets(labels)
    # In units of their spread, so that the optimiser meets the same problem for any detector.
    center, spread = float(logits.mean()), float(logits.std()) or 1.0
    unit = (logits - center) / spread

    def loss(parameters: Floats) -> tuple[float, Floats]:
        raw = parameters[0] * unit + parameters[1]
        error = from_log_odds(raw) - targets
        value = np.logaddexp(0, raw) - targets * raw
        return float(value.mean()), np.array([(error * unit).mean(), error.mean()])

    bounds = [(_SLOPES[0] * spread, _SLOPES[1] * spread), (None, None)]
    start = np.array([np.clip(1.0, *bounds[0]), 0.0])
    options = {"maxiter": 500, "ftol": 1e-14, "gtol": 1e-10}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    slope = float(found.x[0]) / spread
    return {"slope": slope, "bias": float(found.x[1]) - slope * center}


def _fit_isotonic(labels: Labels, logits: Floats) -> dict[str, Any]:
    """Return knots, the two ends of each block of equal probability."""
    targets = _targets(labels)
    model = IsotonicRegression().fit(logits, (labels == FAKE).astype(np.float64))
    # As far from 0 and 1 as Platt's targets: no set is large enough to know more.
    shares = np.clip(model.y_thresholds_, targets.min(), targets.max())
    kept = np.arange(shares.size)
    if shares.size > MAX_KNOTS:
        kept = np.linspace(0, shares.size - 1, MAX_KNOTS).round().astype(np.int64)
    return {
        "logits": model.X_thresholds_[kept].tolist(),
        "calibrated_logits": log_odds(shares[kept]).tolist(),
        "center": float(logits.mean()),
    }


def _apply_isotonic(calibration: Calibration, logits: Floats) -> Floats:
    steps = np.interp(logits, calibration["logits"], calibration["calibrated_logits"])
    # Flat blocks would make clips equal that the detector tells apart. A slope of so little keeps
    # them in order and moves no probability by more than a few thousandths.
    return steps + _SLOPES[0] * (logits - calibration["center"])
