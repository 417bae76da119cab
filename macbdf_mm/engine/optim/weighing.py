"""The ways to weigh two gradients, by the name that a config uses: OM-Pareto and its peers."""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from macbdf_mm.engine.optim.om_pareto import (
    STATIONARY_SHARE,
    DescentGuard,
    ParetoWeights,
    check_settings,
    minimising_alpha,
    norm_of_sum,
    solve,
)
from macbdf_mm.errors import ArgumentError, ConfigError

TORCHJD_METHODS = ("mgda", "pcgrad", "upgrad")
METHODS = ("om_pareto", "sum", "mmpareto", *TORCHJD_METHODS)

_NUM_OBJECTIVES = 2

Weigh = Callable[[float, float, float], ParetoWeights]
"""(|g_m|, |g_u|, g_m . g_u) -> how to combine the two gradients."""

PeerWeights = Callable[[float, float, float], tuple[float, float]]
"""(|g_m|, |g_u|, cos) -> the weights of both gradients."""


def make_weighing(
    method: str = "om_pareto",
    *,
    lambda_0: float = 0.5,
    kappa: float = 5.0,
    descent_guard: DescentGuard = "none",
    dead_zone: float = 0.1,
    normalised: bool = False,
    mmpareto_gamma: float = 1.5,
) -> Weigh:
    """Return the function that weighs the two gradients of an encoder.

    Args:
        method: One of ``METHODS``.
        lambda_0: Of ``om_pareto``, as in :func:`~macbdf_mm.engine.optim.om_pareto.om_pareto`.
        kappa: Likewise.
        descent_guard: Likewise.
        dead_zone: Likewise.
        normalised: Likewise.
        mmpareto_gamma: Rescale factor of ``mmpareto``.

    Raises:
        ValueError: If a setting is out of its range.
        ConfigError: If the method needs a package that is not installed.
    """
    check_settings(lambda_0, kappa, descent_guard, dead_zone)
    if method == "om_pareto":
        return partial(
            solve,
            lambda_0=lambda_0,
            kappa=kappa,
            descent_guard=descent_guard,
            dead_zone=dead_zone,
            normalised=normalised,
        )
    if method == "sum":
        return partial(_weigh_by_peer, _sum_weights)
    if method == "mmpareto":
        if mmpareto_gamma <= 0:
            raise ArgumentError(f"Expected `mmpareto_gamma` > 0, got {mmpareto_gamma}.")
        return partial(_weigh_by_peer, partial(mmpareto_weights, gamma=mmpareto_gamma))
    if method in TORCHJD_METHODS:
        return partial(_weigh_by_peer, torchjd_weights(method))
    raise ArgumentError(f"Expected `method` to be one of {METHODS}, got {method!r}.")


def mmpareto_weights(
    norm_m: float, norm_u: float, cos: float, gamma: float = 1.5
) -> tuple[float, float]:
    """Return the weights of the multimodal and the unimodal gradient.

    Wei and Hu, "MMPareto: Boosting Multimodal Learning with Innocent Unimodal Assistance" (ICML
    2024, arXiv 2405.17730). Without a conflict the gradients are summed; in a conflict the
    direction is that of the min-norm combination, stretched to the length of the sum. Both are
    then stretched by ``gamma``. The authors' code does the stretching tensor by tensor; here an
    encoder is one vector, as the paper writes it.

    Args:
        norm_m: |g_m|, > 0.
        norm_u: |g_u|, > 0.
        cos: Cosine between the two.
        gamma: Rescale factor, > 0; 1.5 in the authors' code.
    """
    if cos >= 0:
        return gamma, gamma
    alpha = minimising_alpha(norm_m, norm_u, cos, lambda_orth=0.0)
    combined = norm_of_sum(alpha * norm_m, (1.0 - alpha) * norm_u, cos)
    if combined <= STATIONARY_SHARE * max(norm_m, norm_u):
        return 0.0, 0.0
    factor = gamma * norm_of_sum(norm_m, norm_u, cos) / combined
    return factor * alpha, factor * (1.0 - alpha)


def torchjd_weights(method: str) -> PeerWeights:
    """Return the function that weighs two gradients as one of torchjd's methods does.

    All are scaled so that two equal gradients give their sum, which is the plain step: MGDA's
    weights sum to one and UPGrad's preference is a mean, so both are doubled; PCGrad sums
    already. So a comparison is not one of learning rates. Of two objectives, UPGrad and PCGrad
    are the same but for UPGrad's regularisation.

    Args:
        method: ``mgda``, ``pcgrad`` or ``upgrad``.

    Raises:
        ConfigError: If torchjd, or what its method needs, is not installed.
    """
    try:
        from torchjd.aggregation import MGDAWeighting, PCGradWeighting, UPGradWeighting

        if method == "mgda":
            return _on_gram_matrix(MGDAWeighting(), scale=_NUM_OBJECTIVES)
        if method == "pcgrad":
            return _on_gram_matrix(PCGradWeighting(), scale=1)
        return _on_directions(UPGradWeighting())
    except ImportError as error:
        raise ConfigError(
            f"`method='{method}'` needs the package torchjd with its solver: "
            "`pip install 'macbdf_mm[peers]'`."
        ) from error


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


def _on_gram_matrix(weighting: Callable[[Tensor], Tensor], scale: int) -> PeerWeights:
    def weigh(norm_m: float, norm_u: float, cos: float) -> tuple[float, float]:
        # Scaled to a largest norm of one: the methods' thresholds are absolute.
        largest = max(norm_m, norm_u)
        lengths = torch.tensor([norm_m / largest, norm_u / largest], dtype=torch.float64)
        # PCGrad draws the order of its objectives, which makes no difference to two; the model
        # must not find its random stream shifted by it.
        with torch.random.fork_rng(devices=[]):
            weights = scale * weighting(_gram_of_directions(cos) * torch.outer(lengths, lengths))
        return float(weights[0]), float(weights[1])

    return weigh


def _on_directions(upgrad: Callable[[Tensor], Tensor]) -> PeerWeights:
    def weigh(norm_m: float, norm_u: float, cos: float) -> tuple[float, float]:
        # The dual cone depends on directions alone. Their Gram matrix is well conditioned at
        # any ratio of norms, so the regularisation stays small; the lengths are the preference.
        largest = max(norm_m, norm_u)
        lengths = torch.tensor([norm_m / largest, norm_u / largest], dtype=torch.float64)
        upgrad.pref_vector = lengths  # type: ignore[attr-defined]
        weights = upgrad(_gram_of_directions(cos)) / lengths
        return float(weights[0]), float(weights[1])

    return weigh


def _gram_of_directions(cos: float) -> Tensor:
    return torch.tensor([[1.0, cos], [cos, 1.0]], dtype=torch.float64)
