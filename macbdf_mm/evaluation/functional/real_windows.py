"""How the scores of real windows are distributed: p-values of windows, and of whole files.

For each real window a score is exceeded with some probability, its p-value. Those of a file's
windows are combined by Simes' rule, min over k of N/k times the k-th smallest p-value. The result
is a p-value again: exact if the windows are independent, and exact if all are equal, whatever
their number N; in between it is slightly conservative (Sarkar, Annals of Statistics 26, 1998). So
the rate of false alarms at a threshold does not grow with the length of a file, as that of a
maximum does, and a short forgery counts, which a mean dilutes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.functional.probabilities import from_log_odds, log_odds

Floats = npt.NDArray[np.float64]

MIN_WINDOWS = 20
"""Real windows from which a distribution is fitted; 2 of them make a tail then."""
_TAIL = 0.1
_NUM_KNOTS = 65
_LEVELS = np.linspace(_TAIL, 1 - _TAIL, _NUM_KNOTS)
# In logits. A detector that saturates gives all real windows one score.
_MIN_STEP = 1e-6
_MIN_SCALE = 0.1
# A shape is believed where the data say it, and otherwise near 1, an exponential tail.
_SHAPES = np.arange(0.3, 3.01, 0.1)
_SHAPE_SPREAD = 1.0
# Windows overlap by half, and those of a clip are alike: they tell less than so many would.
_WEIGHT = 0.5
# Smaller differences from 1 are lost in float64.
_MOST = 1 - 1e-14


@dataclass(frozen=True)
class RealWindows:
    """The distribution of the logits of real windows.

    Between its 10 % and 90 % quantiles it is interpolated. A file of ten minutes asks for rarer
    scores than validation data have, so the tails are extrapolated: a distance y, in units of a
    scale, beyond the last knot is exceeded by 0.1 exp(-((1 + y)^shape - 1) / shape), which is
    exponential for shape 1, and heavier below. The lower tail is exponential.

    Attributes:
        knots: Quantiles from 10 % to 90 % in equal steps, shape (65,), increasing.
        low_scale: Mean distance of the lowest tenth below the first knot.
        high_scale: The unit of the upper tail, in logits.
        high_shape: Its shape, 0.3 to 3.
    """

    knots: Floats
    low_scale: float
    high_scale: float
    high_shape: float

    @classmethod
    def unfitted(cls) -> "RealWindows":
        """Return the distribution by which the scores of real windows are uniform in [0, 1]."""
        return cls(log_odds(_LEVELS), 1.0, 1.0, 1.0)

    @classmethod
    def fit(cls, scores: Any) -> "RealWindows":
        """Return the distribution of real windows' scores, P(fake) of shape (N,).

        Raises:
            ValueError: If there are fewer than 20, or one is NaN or outside [0, 1].
        """
        logits = np.sort(log_odds(scores))
        if logits.ndim != 1 or logits.size < MIN_WINDOWS or np.isnan(logits).any():
            raise ArgumentError(
                f"Expected `scores` of at least {MIN_WINDOWS} windows without NaN, got shape "
                f"{logits.shape} with {int(np.isnan(logits).sum())} NaN."
            )
        knots = np.quantile(logits, _LEVELS) + _MIN_STEP * np.arange(_NUM_KNOTS)
        low, high = logits[logits < knots[0]], logits[logits > knots[-1]]
        low_scale = float((knots[0] - low).mean()) if low.size else 0.0
        return cls(knots, max(_MIN_SCALE, low_scale), *_fit_tail(high - knots[-1]))

    @classmethod
    def from_values(cls, values: Any) -> "RealWindows":
        """Return the distribution of what :attr:`values` gave, shape (68,)."""
        values = np.asarray(values, dtype=np.float64)
        return cls(values[:-3], *map(float, values[-3:]))

    @property
    def values(self) -> Floats:
        """Knots, scales and shape as one array, shape (68,), to be kept in a checkpoint."""
        return np.array([*self.knots, self.low_scale, self.high_scale, self.high_shape])

    def p_values(self, scores: Any) -> Floats:
        """Return the share of real windows that score higher, of the same shape; NaN for NaN.

        Args:
            scores: P(fake).
        """
        logits = log_odds(scores)
        first, last = self.knots[0], self.knots[-1]
        inner = 1 - np.interp(logits, self.knots, _LEVELS)
        low = 1 - _TAIL * np.exp(np.minimum(logits - first, 0) / self.low_scale)
        beyond = np.maximum(logits - last, 0) / self.high_scale
        high = _TAIL * np.exp(-((1 + beyond) ** self.high_shape - 1) / self.high_shape)
        return np.where(logits > last, high, np.where(logits < first, low, inner))

    def scores(self, p_values: Any) -> Floats:
        """Return the scores that real windows exceed with given probabilities."""
        p_values = np.clip(p_values, np.finfo(np.float64).tiny, _MOST)
        first, last = self.knots[0], self.knots[-1]
        inner = np.interp(1 - p_values, _LEVELS, self.knots)
        low = first + self.low_scale * np.log(np.minimum((1 - p_values) / _TAIL, 1))
        rarity = -np.log(np.minimum(p_values / _TAIL, 1))
        beyond = (1 + self.high_shape * rarity) ** (1 / self.high_shape) - 1
        high = last + self.high_scale * beyond
        logits = np.where(p_values < _TAIL, high, np.where(p_values > 1 - _TAIL, low, inner))
        return from_log_odds(logits)

    def file_score(self, scores: Floats) -> float:
        """Return the score of a file: that of a single window as rare as all of them together.

        A file of one window has the score of the window. A map of scores that increases, such as
        a calibration, may be applied to the windows or to the result, which comes to the same.

        Args:
            scores: P(fake) of its windows, shape (N,), N > 0, without NaN.
        """
        return float(self.scores(simes(self.p_values(scores))))

    def flagged(self, scores: Any, error_rate: float) -> npt.NDArray[np.bool_]:
        """Return which windows stand out, shape (N,).

        In a real file, one or more do with a probability of at most ``error_rate``, however long
        it is (Hochberg's procedure, which Simes' rule justifies).

        Args:
            scores: P(fake) of the windows of a file, shape (N,); NaN never stands out.
            error_rate: Family-wise, in (0, 1).
        """
        p_values = self.p_values(scores)
        known = np.sort(p_values[~np.isnan(p_values)])
        passing = np.flatnonzero(known * np.arange(known.size, 0, -1) <= error_rate)
        if not passing.size:
            return np.zeros(p_values.shape, np.bool_)
        return p_values <= known[passing[-1]]


def _fit_tail(distances: Floats) -> tuple[float, float]:
    """Return scale and shape of the upper tail from distances to the last knot, in logits."""
    if not distances.size or distances.mean() < _MIN_SCALE:
        return _MIN_SCALE, 1.0
    center = np.log(distances.mean())

    def loss(log_scale: float, shape: float) -> float:
        beyond = distances / np.exp(log_scale)
        density = ((1 + beyond) ** shape - 1) / shape - (shape - 1) * np.log1p(beyond) + log_scale
        return float(density.sum())

    best = (np.inf, 0.0, 1.0)
    for shape in _SHAPES:
        bounds = (center - 2, center + 3)
        found = minimize_scalar(loss, bounds=bounds, args=(shape,), method="bounded")
        penalty = ((shape - 1) / _SHAPE_SPREAD) ** 2 / 2
        best = min(best, (_WEIGHT * found.fun + penalty, float(np.exp(found.x)), float(shape)))
    # A scale that came out too small makes false alarms in long files, one that is too large does
    # not: one standard error is added.
    return max(_MIN_SCALE, best[1] * (1 + 1 / np.sqrt(_WEIGHT * distances.size))), best[2]


def simes(p_values: Floats) -> float:
    """Return the combined p-value of N > 0 p-values by Simes' rule."""
    ordered = np.sort(p_values)
    return float((ordered * ordered.size / np.arange(1, ordered.size + 1)).min())
