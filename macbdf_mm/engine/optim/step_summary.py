"""What is logged of the steps between two log lines."""

import math
from collections.abc import Mapping, Sequence

from macbdf_mm.engine.optim.om_pareto import ParetoWeights

# Quantity -> attribute of the weights; the mean over the steps is logged.
MEANS = {
    "cos": "cos",
    "alpha_m": "alpha_m",
    "lambda": "lambda_orth",
    "norm_m": "norm_m",
    "norm_u": "norm_u",
    "norm_step": "norm_step",
    "conflict_share": "is_conflict",
}
NUM_STATIONARY = "num_stationary"
NUM_NON_FINITE = "num_non_finite"
QUANTITIES = (*MEANS, NUM_STATIONARY, NUM_NON_FINITE)


def summarise_steps(steps: Sequence[Mapping[str, ParetoWeights]]) -> dict[str, float]:
    """Return what to log of some steps: ``encoder/quantity`` -> value.

    Means of the cosine, alpha, lambda and the norms of both gradients and of the combined one
    (before clipping); the share of steps in conflict; the numbers of stationary steps and of
    those whose gradients were not finite, which the means leave out.

    Args:
        steps: For each step, encoder -> how its gradients were combined; at least one.
    """
    summary = {}
    for encoder in steps[0]:
        taken = [step[encoder] for step in steps]
        finite = [weights for weights in taken if math.isfinite(weights.cos)]
        for quantity, attribute in MEANS.items():
            values = [float(getattr(weights, attribute)) for weights in finite]
            summary[f"{encoder}/{quantity}"] = sum(values) / len(values) if values else math.nan
        stationary = sum(weights.is_stationary for weights in taken)
        summary[f"{encoder}/{NUM_STATIONARY}"] = float(stationary)
        summary[f"{encoder}/{NUM_NON_FINITE}"] = float(len(taken) - len(finite))
    return summary
