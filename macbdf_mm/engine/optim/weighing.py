"""The ways to weigh two gradients against each other, by the name that a config uses."""

import math
from collections.abc import Callable
from functools import partial

from macbdf_mm.engine.optim.mmpareto import mmpareto_weights
from macbdf_mm.engine.optim.om_pareto import (
    STATIONARY_SHARE,
    DescentGuard,
    ParetoWeights,
    check_settings,
    norm_of_sum,
    solve,
)
from macbdf_mm.engine.optim.torchjd_peers import TORCHJD_METHODS, PeerWeights, torchjd_weights

METHODS = ("om_pareto", "sum", "mmpareto", *TORCHJD_METHODS)

Weigh = Callable[[float, float, float], ParetoWeights]
"""(|g_m|, |g_u|, g_m . g_u) -> how to combine the two gradients."""


def make_weighing(
    method: str = "om_pareto",
    *,
    lambda_0: float = 0.5,
    kappa: float = 5.0,
    descent_guard: DescentGuard = "none",
    mmpareto_gamma: float = 1.5,
) -> Weigh:
    """Return the function that weighs the two gradients of an encoder.

    Args:
        method: One of ``METHODS``.
        lambda_0: Of ``om_pareto``, as in :func:`~macbdf_mm.engine.optim.om_pareto.om_pareto`.
        kappa: Likewise.
        descent_guard: Likewise.
        mmpareto_gamma: Rescale factor of ``mmpareto``.

    Raises:
        ValueError: If a setting is out of its range.
        ConfigError: If the method needs a package that is not installed.
    """
    check_settings(lambda_0, kappa, descent_guard)
    if method == "om_pareto":
        return partial(solve, lambda_0=lambda_0, kappa=kappa, descent_guard=descent_guard)
    if method == "sum":
        return partial(_weigh_by_peer, _sum_weights)
    if method == "mmpareto":
        if mmpareto_gamma <= 0:
            raise ValueError(f"Expected `mmpareto_gamma` > 0, got {mmpareto_gamma}.")
        return partial(_weigh_by_peer, partial(mmpareto_weights, gamma=mmpareto_gamma))
    if method in TORCHJD_METHODS:
        return partial(_weigh_by_peer, torchjd_weights(method))
    raise ValueError(f"Expected `method` to be one of {METHODS}, got {method!r}.")


def _sum_weights(_norm_m: float, _norm_u: float, _cos: float) -> tuple[float, float]:
    return 1.0, 1.0


def _weigh_by_peer(peer: PeerWeights, norm_m: float, norm_u: float, dot: float) -> ParetoWeights:
    finite = all(math.isfinite(value) for value in (norm_m, norm_u, dot))
    if not finite or min(norm_m, norm_u) == 0.0:
        # As OM-Pareto: the sum passes on what is not finite, and the one gradient there is.
        weight_m, weight_u = _sum_weights(norm_m, norm_u, 0.0)
        cos = 0.0 if finite else math.nan
    else:
        cos = max(-1.0, min(1.0, dot / norm_m / norm_u))
        weight_m, weight_u = peer(norm_m, norm_u, cos)
    total = weight_m + weight_u
    length = norm_of_sum(weight_m * norm_m, weight_u * norm_u, cos)
    return ParetoWeights(
        weight_m=weight_m,
        weight_u=weight_u,
        alpha_m=weight_m / total if total else 0.5,
        cos=cos,
        lambda_orth=0.0,
        norm_m=norm_m,
        norm_u=norm_u,
        is_conflict=cos < 0,
        is_stationary=cos < 0 and length <= STATIONARY_SHARE * max(norm_m, norm_u),
    )
