"""Detection costs of speaker verification and anti-spoofing: DCF and Cllr.

In these terms the *target* is the genuine recording: a miss is a real clip that is rejected (called
fake), a false acceptance is a fake that is taken for real. Our scores point the other way, high
for fake.
"""

import math
from dataclasses import dataclass

import numpy as np

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.functional.probabilities import (
    checked_probabilities,
    from_log_odds,
    log_odds,
)
from macbdf_mm.evaluation.functional.weighted_clips import Floats, WeightedClips


@dataclass(frozen=True)
class DetectionCost:
    """What errors cost, and how common fakes are where the detector will be used.

    Attributes:
        fake_prior: Share of fakes, inside (0, 1).
        miss_cost: Of a real clip that is called fake (C_miss).
        false_acceptance_cost: Of a fake that is called real (C_fa).
    """

    fake_prior: float
    miss_cost: float
    false_acceptance_cost: float

    def __post_init__(self) -> None:
        if not 0 < self.fake_prior < 1:
            raise ArgumentError(f"Expected `fake_prior` inside (0, 1), got {self.fake_prior}.")
        if not (self.miss_cost > 0 and self.false_acceptance_cost > 0):
            raise ArgumentError(
                "Expected `miss_cost` and `false_acceptance_cost` > 0, got "
                f"{self.miss_cost} and {self.false_acceptance_cost}."
            )

    @property
    def of_real(self) -> float:
        """Expected cost if every real clip is called fake."""
        return self.miss_cost * (1 - self.fake_prior)

    @property
    def of_fake(self) -> float:
        """Expected cost if every fake is called real."""
        return self.false_acceptance_cost * self.fake_prior

    @property
    def bayes_threshold(self) -> float:
        """The log-likelihood ratio of fake over real from which calling fake costs less."""
        return math.log(self.of_real / self.of_fake)


ASVSPOOF5 = DetectionCost(fake_prior=0.05, miss_cost=1.0, false_acceptance_cost=10.0)
"""The costs of ASVspoof 5."""


def weighted_min_dcf(clips: WeightedClips, cost: DetectionCost = ASVSPOOF5) -> Floats:
    """Return the lowest detection cost over all thresholds, shape (R,); NaN for one class.

    The cost is divided by that of the better of the two trivial detectors ("always real", "always
    fake"), so that 1 is worthless. Only the order of the scores counts.
    """
    worst = min(cost.of_real, cost.of_fake)
    per_real = cost.of_real / worst / clips.reals_or_nan
    per_fake = cost.of_fake / worst / clips.fakes_or_nan
    costs = clips.reals_above * per_real[:, None]
    costs -= clips.fakes_above * per_fake[:, None]
    return costs.min(axis=1) + cost.of_fake / worst


def weighted_act_dcf(
    clips: WeightedClips, cost: DetectionCost = ASVSPOOF5, score_prior: float = 0.5
) -> Floats:
    """Return the detection cost at the threshold that the costs imply, shape (R,).

    Scores are read as probabilities, and decided where a calibrated detector should decide. How
    far it lies above :func:`weighted_min_dcf` is what calibration costs. NaN for one class.

    Args:
        clips: Clips whose scores are P(fake) in [0, 1].
        cost: What errors cost.
        score_prior: Share of fakes for which P(fake) is calibrated: that of the clips on which the
            calibration was fitted.
    """
    threshold = cost.bayes_threshold + float(log_odds(_prior(score_prior)))
    clips.clips.derive("checked", lambda: checked_probabilities(clips.clips.scores))
    threshold = float(from_log_odds(threshold))
    missed = clips.reals_from(threshold) / clips.reals_or_nan
    accepted = 1 - clips.fakes_from(threshold) / clips.fakes_or_nan
    worst = min(cost.of_real, cost.of_fake)
    return (cost.of_real * missed + cost.of_fake * accepted) / worst


def weighted_cllr(clips: WeightedClips, score_prior: float = 0.5) -> Floats:
    """Return the cost of the log-likelihood ratio in bits, shape (R,); NaN for one class.

    The mean over the two classes, each weighing one half, of the log loss base 2 of the
    log-likelihood ratio: 0 is perfect, 1 is that of a detector which says nothing. Arguments as of
    :func:`weighted_act_dcf`.
    """
    prior = float(log_odds(_prior(score_prior)))
    of_fakes = clips.sum_over_fakes(
        ("cllr", prior), lambda scores: np.logaddexp(0, prior - log_odds(scores))
    )
    of_reals = clips.sum_over_reals(
        ("cllr", prior), lambda scores: np.logaddexp(0, log_odds(scores) - prior)
    )
    mean = (of_fakes / clips.fakes_or_nan + of_reals / clips.reals_or_nan) / 2
    return mean / math.log(2)


def _prior(score_prior: float) -> float:
    if not 0 < score_prior < 1:
        raise ArgumentError(f"Expected `score_prior` inside (0, 1), got {score_prior}.")
    return score_prior
