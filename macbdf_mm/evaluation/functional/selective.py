"""What a detector gains by leaving its least certain clips undecided: the risk-coverage curve.

Certainty is the distance between the logits of score and threshold. For a threshold of 0.5 the
order is that of the probability of the decision.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from macbdf_mm.evaluation.functional.probabilities import log_odds
from macbdf_mm.evaluation.functional.weighted_clips import (
    Floats,
    Indices,
    RankedClips,
    WeightedClips,
    first_of_runs,
    run_numbers,
)


class RiskCoverage(NamedTuple):
    """The risk-coverage curve; one point for each distinct certainty, most certain first.

    Attributes:
        coverages: (K,) share of the clips that are decided.
        risks: (K,) share of wrong decisions among them.
    """

    coverages: Floats
    risks: Floats


class CertaintyLevels(NamedTuple):
    """Clips in levels of equal certainty, most certain first.

    Attributes:
        level_of_clip: (N,) the level of each ranked clip, 0 to K - 1.
        is_wrong: (N,) whether the decision on it is wrong.
        certainties: (K,) distance of the logits of score and threshold, descending.
    """

    level_of_clip: Indices
    is_wrong: npt.NDArray[np.bool_]
    certainties: Floats

    @property
    def num_levels(self) -> int:
        """Number of levels K."""
        return self.certainties.size


def risk_coverage(labels: Any, scores: Any, threshold: float) -> RiskCoverage:
    """Return the risk-coverage curve; without points if there are no clips.

    Args:
        labels: 1 fake, 0 real, shape (N,).
        scores: P(fake) in [0, 1], shape (N,).
        threshold: A clip is called fake if its score is at least this.

    Raises:
        ValueError: If labels or scores are not of that kind.
    """
    decided, wrong = _decided_and_wrong(WeightedClips.unweighted(labels, scores), threshold)
    total = np.sum(decided[0])
    num_decided = np.cumsum(decided[0])
    return RiskCoverage(num_decided / max(total, 1), np.cumsum(wrong[0]) / num_decided)


def weighted_aurc(clips: WeightedClips, threshold: float) -> Floats:
    """Return the area under the risk-coverage curve, shape (R,); NaN without clips.

    The mean over the clips of the risk at the coverage that just includes it (and all equally
    certain ones). 0 is perfect; a certainty that says nothing gives the error rate.

    Args:
        clips: Clips with scores in [0, 1].
        threshold: A clip is called fake if its score is at least this.
    """
    if math.isnan(threshold):
        return clips.undefined
    decided, wrong = _decided_and_wrong(clips, threshold)
    num_decided = np.cumsum(decided, axis=1)
    # Where nothing is decided yet, nothing is wrong either.
    np.maximum(num_decided, np.finfo(np.float64).tiny, out=num_decided)
    risks = np.cumsum(wrong, axis=1) / num_decided
    return np.einsum("rk,rk->r", decided, risks) / clips.clips_or_nan


def _decided_and_wrong(clips: WeightedClips, threshold: float) -> tuple[Floats, Floats]:
    """Return the numbers of clips and of wrong decisions of each certainty, (R, K) each."""
    ranked = clips.clips
    found = ranked.derive(("certainty", threshold), lambda: certainty_levels(ranked, threshold))
    ones = np.ones(ranked.scores.size)
    decided = clips.sums_by(
        ("decided", threshold), lambda: (found.level_of_clip, ones, found.num_levels)
    )
    wrong = clips.sums_by(
        ("wrong", threshold),
        lambda: (found.level_of_clip, found.is_wrong.astype(np.float64), found.num_levels),
    )
    return decided, wrong


def certainty_levels(clips: RankedClips, threshold: float) -> CertaintyLevels:
    """Return the clips by certainty; arguments as of :func:`risk_coverage`."""
    # Logits of s and of 1 - s differ in their last bits.
    certainty: Floats = np.abs(log_odds(clips.scores) - log_odds(threshold)).round(9)
    order = np.argsort(-certainty, kind="stable")
    first = first_of_runs(certainty[order])
    if clips.max_levels is not None and first.size > clips.max_levels:
        even = np.linspace(0, first.size, clips.max_levels, endpoint=False).astype(np.int64)
        first = first[even]
    level = np.empty(order.size, dtype=np.int64)
    level[order] = run_numbers(first, order.size)
    return CertaintyLevels(
        level, (clips.scores >= threshold) != clips.is_fake, certainty[order][first]
    )
