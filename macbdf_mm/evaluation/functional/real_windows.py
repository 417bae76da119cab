"""How the scores of real windows are distributed: p-values of groups of them, and of whole files.

For each group of windows (:mod:`~macbdf_mm.evaluation.functional.window_groups`) a score is
exceeded in real files with some probability, its p-value. Those of a file's
groups are combined by Simes' rule, min over k of N/k times the k-th smallest p-value. The result
is a p-value again: exact if the groups are independent, and exact if all are equal, whatever
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
from macbdf_mm.evaluation.functional.window_groups import group_scores, group_slices

Floats = npt.NDArray[np.float64]

MIN_RUNS = 20
"""Runs of real windows from which a distribution is fitted; 2 of them make a tail then."""
_TAIL = 0.1
_NUM_KNOTS = 65
_LEVELS = np.linspace(_TAIL, 1 - _TAIL, _NUM_KNOTS)
# In logits. A detector that saturates gives all real windows one score.
_MIN_STEP = 1e-6
_MIN_SCALE = 0.1
# A shape is believed where the data say it, and otherwise near 1, an exponential tail.
_SHAPES = np.arange(0.3, 3.01, 0.1)
_SHAPE_SPREAD = 1.0
# Runs of a clip overlap and are alike: they tell less than so many would.
_WEIGHT = 0.5
# A tail that came out too light makes false alarms in long files, and one too heavy hides
# forgeries in them. On files put together of the demo's clips, fitted to other persons, the rate is
# level with so many of its standard errors on the scale (docs/decisions/0028-windows.md).
_MARGIN = 0.25
# Smaller differences from 1 are lost in float64.
_MOST = 1 - 1e-14
_ROUNDING = 1e-9


@dataclass(frozen=True)
class RealWindows:
    """The distribution of the logits of groups of real windows.

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
        """Return the distribution by which the scores of groups are uniform in [0, 1]."""
        return cls(log_odds(_LEVELS), 1.0, 1.0, 1.0)

    @classmethod
    def fit(cls, scores: Any) -> "RealWindows":
        """Return the distribution of the scores of real runs, P(fake) of shape (N,).

        Args:
            scores: Of all real files, see
                :func:`~macbdf_mm.evaluation.functional.window_groups.run_scores`.

        Raises:
            ValueError: If there are fewer than 20, or one is NaN or outside [0, 1].
        """
        logits = np.sort(log_odds(scores))
        if logits.ndim != 1 or logits.size < MIN_RUNS or np.isnan(logits).any():
            raise ArgumentError(
                f"Expected `scores` of at least {MIN_RUNS} runs without NaN, got shape "
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
        """Return the share of real groups that score higher, of the same shape; NaN for NaN.

        Args:
            scores: P(fake) of groups.
        """
        logits = log_odds(scores)
        first, last = self.knots[0], self.knots[-1]
        inner = 1 - np.interp(logits, self.knots, _LEVELS)
        low = 1 - _TAIL * np.exp(np.minimum(logits - first, 0) / self.low_scale)
        beyond = np.maximum(logits - last, 0) / self.high_scale
        high = _TAIL * np.exp(-((1 + beyond) ** self.high_shape - 1) / self.high_shape)
        return np.where(logits > last, high, np.where(logits < first, low, inner))

    def scores(self, p_values: Any) -> Floats:
        """Return the scores that real groups exceed with given probabilities."""
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
        """Return the score of a file: that of a single group as rare as all of them together.

        A file of one group has the score of the group, and one of one window that of the window.

        Args:
            scores: P(fake) of its windows in the order of time, shape (N,), N > 0, without NaN.
        """
        groups = group_scores(scores)
        if groups.size == 1:
            return float(groups[0])
        return float(self.scores(simes(self.p_values(groups))))

    def flagged(self, scores: Any, error_rate: float) -> npt.NDArray[np.bool_]:
        """Return which windows stand out, shape (N,).

        They are those of a group that stands out which score at least as high as it. In a real
        file, one or more groups do with a probability of at most ``error_rate``, however long
        it is (Hochberg's procedure, which Simes' rule justifies).

        Args:
            scores: P(fake) of the windows of a file in the order of time, shape (N,); NaN never
                stands out.
            error_rate: Family-wise, in (0, 1).
        """
        scores = np.asarray(scores, dtype=np.float64)
        flagged = np.zeros(scores.shape, np.bool_)
        places = np.flatnonzero(~np.isnan(scores))
        if not places.size:
            return flagged
        groups = group_scores(scores[places])
        p_values = self.p_values(groups)
        passing = np.flatnonzero(np.sort(p_values) * np.arange(p_values.size, 0, -1) <= error_rate)
        bound = np.sort(p_values)[passing[-1]] if passing.size else -1.0
        for group, score, p_value in zip(group_slices(places.size), groups, p_values, strict=True):
            if p_value <= bound:
                # By the last bits of a mean, equal windows might all be below it.
                flagged[places[group]] = scores[places[group]] >= score - _ROUNDING
        return flagged


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
    margin = 1 + _MARGIN / np.sqrt(_WEIGHT * distances.size)
    return max(_MIN_SCALE, best[1] * margin), best[2]


def simes(p_values: Floats) -> float:
    """Return the combined p-value of N > 0 p-values by Simes' rule."""
    ordered = np.sort(p_values)
    return float((ordered * ordered.size / np.arange(1, ordered.size + 1)).min())
