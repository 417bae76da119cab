"""The scores between which a detector should say "uncertain", and a bound on the errors left."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from scipy.stats import beta

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.functional.probabilities import from_log_odds, log_odds
from macbdf_mm.evaluation.functional.selective import certainty_levels
from macbdf_mm.evaluation.functional.weighted_clips import RankedClips

Verdict = Literal["real", "uncertain", "fake"]

# The most certain clips of which two may be wrong are looked at first: with one or none, a single
# slip of the labels would end the search.
_ERRORS_AT_START = 2


@dataclass(frozen=True)
class UncertainBand:
    """Calibrated scores that are neither called real nor fake.

    Attributes:
        low: Scores below are called real.
        high: Scores above are called fake. If it equals ``low``, there is no band: a score of at
            least that is called fake. [0, 1] leaves everything uncertain.
        max_error: The error rate outside the band that was asked for.
        confidence: How sure the bound is.
        error_bound: Upper bound of the error rate outside the band; NaN if nothing lies outside.
        num_decided: Validation clips outside the band.
        num_errors: Of those, how many are called wrongly.
        num_clips: All validation clips.
    """

    low: float
    high: float
    max_error: float
    confidence: float
    error_bound: float
    num_decided: int
    num_errors: int
    num_clips: int

    def verdict(self, score: float) -> Verdict:
        """Return what is said of a calibrated score.

        Raises:
            ValueError: If the score is NaN: a clip that was not scored is not judged.
        """
        if math.isnan(score):
            raise ArgumentError("Expected a `score`, got NaN; leave unscored clips unjudged.")
        if score < self.low:
            return "real"
        if score > self.high or self.low == self.high:
            return "fake"
        return "uncertain"

    def to_json(self) -> dict[str, float | int | None]:
        """Return plain values; None for a bound that is not defined."""
        values = asdict(self)
        return values | {"error_bound": None if math.isnan(self.error_bound) else self.error_bound}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "UncertainBand":
        """Return the band of plain values."""
        bound = values["error_bound"]
        return cls(**(values | {"error_bound": math.nan if bound is None else bound}))


def fit_uncertain_band(
    labels: Any,
    scores: Any,
    threshold: float,
    *,
    max_error: float = 0.05,
    confidence: float = 0.95,
) -> UncertainBand:
    """Return the narrowest band outside of which at most a share of the clips is called wrongly.

    The band is symmetric around the threshold in logits, which for calibrated scores and a
    threshold of 0.5 is the best rule of rejection (Chow, 1970): at a score s the error rate is
    min(s, 1 - s). Its width is found on validation clips: from wide to narrow, as long as the
    one-sided Clopper-Pearson bound of the error rate outside is at most ``max_error``. As the
    search begins at a width that does not depend on the labels and ends where the bound is first
    exceeded, looking many times costs no confidence (fixed sequence testing; Angelopoulos et al.,
    Learn then Test, 2021). It begins anew at each doubling of the clips outside, for which the
    confidence is corrected.

    The bound takes clips as independent and holds for data with as large a share of fakes as
    these. If clips of few persons make up the validation set, it is optimistic.

    Args:
        labels: 1 fake, 0 real, shape (N,).
        scores: Calibrated P(fake), shape (N,).
        threshold: Of the two-valued verdict, inside (0, 1).
        max_error: Error rate outside the band, inside (0, 1).
        confidence: Of the bound, inside (0, 1).

    Returns:
        The band; [0, 1] if no band reaches the bound.

    Raises:
        ValueError: If labels or scores are not of that kind, or a setting is out of its range.
    """
    for name, value in (
        ("threshold", threshold),
        ("max_error", max_error),
        ("confidence", confidence),
    ):
        if not 0 < value < 1:
            raise ArgumentError(f"Expected `{name}` inside (0, 1), got {value}.")
    ranked = RankedClips.of(labels, scores)
    levels = certainty_levels(ranked, threshold)
    decided = np.cumsum(np.bincount(levels.level_of_clip, minlength=levels.num_levels))
    wrong = np.cumsum(np.bincount(levels.level_of_clip, levels.is_wrong, levels.num_levels))
    num_clips = ranked.scores.size
    starts = _starts(num_clips, max_error, confidence)
    level_confidence = 1 - (1 - confidence) / max(len(starts), 1)
    bounds = clopper_pearson_upper(wrong, decided, level_confidence)
    best = -1
    for start in starts:
        first = int(np.searchsorted(decided, start))
        exceeding = np.flatnonzero(bounds[first:] > max_error)
        last = first + (int(exceeding[0]) if exceeding.size else bounds.size - first) - 1
        if last >= first:
            best = max(best, last)
    if best < 0:
        return UncertainBand(0.0, 1.0, max_error, confidence, math.nan, 0, 0, num_clips)
    low = high = threshold
    if best < levels.num_levels - 1:
        reach = float(levels.certainties[best : best + 2].mean())
        center = float(log_odds(threshold))
        low, high = (float(from_log_odds(center + sign * reach)) for sign in (-1, 1))
    return UncertainBand(
        low,
        high,
        max_error,
        confidence,
        error_bound=float(bounds[best]),
        num_decided=int(decided[best]),
        num_errors=int(wrong[best]),
        num_clips=num_clips,
    )


def clopper_pearson_upper(num_errors: Any, num_clips: Any, confidence: float) -> Any:
    """Return the one-sided upper bound of a rate; 1 without clips.

    Args:
        num_errors: Errors, a number or an array.
        num_clips: Clips, of the same shape.
        confidence: How sure the bound is.
    """
    num_errors, num_clips = np.asarray(num_errors), np.asarray(num_clips)
    has_right = num_errors < num_clips
    right = np.where(has_right, num_clips - num_errors, 1)
    return np.where(has_right, beta.ppf(confidence, num_errors + 1, right), 1.0)


def _starts(num_clips: int, max_error: float, confidence: float) -> list[int]:
    """Return numbers of clips outside the band at which the search begins."""
    sizes = np.arange(1, num_clips + 1)
    errors = np.minimum(_ERRORS_AT_START, sizes)
    enough = clopper_pearson_upper(errors, sizes, confidence) <= max_error
    if not enough.any():
        return [num_clips] if num_clips else []
    starts = [int(sizes[np.argmax(enough)])]
    while 2 * starts[-1] <= num_clips:
        starts.append(2 * starts[-1])
    return starts
