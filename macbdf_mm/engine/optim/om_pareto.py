"""The OM-Pareto step, Eqs. 21-24: one direction out of two gradients that may conflict.

Plain math on norms and dot products; nothing here knows a model or a framework.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor

from macbdf_mm.errors import ArgumentError

DescentGuard = Literal["none", "clamp"]
DESCENT_GUARDS = get_args(DescentGuard)

# |d| below this share of the larger gradient's norm counts as Pareto-stationary: float32
# gradients that should cancel leave about that much. Much larger, and a small gradient in
# conflict with a large one would stop the encoder.
STATIONARY_SHARE = 1e-7
# Eq. 23's "mild correction" without a conflict: lambda is a tenth of its base value.
MILD_SHARE = 0.1


@dataclass(frozen=True)
class ParetoWeights:
    """How to combine the two gradients: ``h = weight_m * g_m + weight_u * g_u``.

    Attributes:
        weight_m: Factor of the multimodal gradient, Eq. 24's magnitude included.
        weight_u: Factor of the unimodal gradient.
        alpha_m: Convex weight of the multimodal gradient, in [0, 1].
        cos: Cosine between the gradients; 0 where one of them is zero.
        lambda_orth: Strength of the orthogonal regularisation, Eq. 23.
        norm_m: |g_m|.
        norm_u: |g_u|.
        is_conflict: Whether cos < 0.
        is_stationary: Whether the convex combination vanished, so that ``h`` is zero.
    """

    weight_m: float
    weight_u: float
    alpha_m: float
    cos: float
    lambda_orth: float
    norm_m: float
    norm_u: float
    is_conflict: bool
    is_stationary: bool

    @property
    def norm_step(self) -> float:
        """|h|, the norm of the combined gradient before any clipping."""
        return norm_of_sum(self.weight_m * self.norm_m, self.weight_u * self.norm_u, self.cos)


@dataclass(frozen=True)
class ParetoStep:
    """The direction of a step and how it came about.

    Attributes:
        direction: ``h`` of Eq. 24, shape (P,), of the gradients' dtype.
        weights: The scalars behind it.
    """

    direction: Tensor
    weights: ParetoWeights

    @property
    def alpha_m(self) -> float:
        """Convex weight of the multimodal gradient."""
        return self.weights.alpha_m

    @property
    def cos(self) -> float:
        """Cosine between the two gradients."""
        return self.weights.cos

    @property
    def lambda_orth(self) -> float:
        """Strength of the orthogonal regularisation."""
        return self.weights.lambda_orth


def om_pareto(
    g_m: Tensor,
    g_u: Tensor,
    lambda_0: float = 0.5,
    kappa: float = 5.0,
    descent_guard: DescentGuard = "none",
) -> ParetoStep:
    """Return the OM-Pareto step of two flat gradients.

    Args:
        g_m: Gradient of the multimodal objective, shape (P,).
        g_u: Gradient of the unimodal objective, shape (P,).
        lambda_0: Base strength of the orthogonal regularisation, Eq. 23.
        kappa: Its curvature over the cosine, > 0.
        descent_guard: ``none`` is the paper's; ``clamp`` bounds lambda so that the convex
            combination descends for both objectives.

    Raises:
        ValueError: If the shapes differ, or a setting is out of its range.
    """
    if g_m.shape != g_u.shape or g_m.ndim != 1:
        raise ArgumentError(
            "Expected `g_m` and `g_u` to be flat and of equal length, "
            f"got {tuple(g_m.shape)} and {tuple(g_u.shape)}."
        )
    wide_m, wide_u = g_m.double(), g_u.double()
    weights = solve(
        float(wide_m.norm()),
        float(wide_u.norm()),
        float(wide_m @ wide_u),
        lambda_0=lambda_0,
        kappa=kappa,
        descent_guard=descent_guard,
    )
    direction = weights.weight_m * wide_m + weights.weight_u * wide_u
    return ParetoStep(direction.to(g_m.dtype), weights)


def solve(
    norm_m: float,
    norm_u: float,
    dot: float,
    *,
    lambda_0: float = 0.5,
    kappa: float = 5.0,
    descent_guard: DescentGuard = "none",
) -> ParetoWeights:
    """Return the weights of Eqs. 21-24 from two norms and a dot product.

    The problem is solved for gradients scaled to a largest norm of one: the solution is
    homogeneous of degree one, and squares of tiny or huge norms then stay representable.

    Args:
        norm_m: |g_m|, >= 0.
        norm_u: |g_u|, >= 0.
        dot: g_m . g_u.
        lambda_0: As in :func:`om_pareto`.
        kappa: As in :func:`om_pareto`.
        descent_guard: As in :func:`om_pareto`.

    Raises:
        ValueError: If a setting is out of its range.
    """
    check_settings(lambda_0, kappa, descent_guard)
    if not all(math.isfinite(value) for value in (norm_m, norm_u, dot)):
        # A sum passes inf and nan on to .grad, where a gradient scaler looks for them.
        return plain_sum(norm_m, norm_u, math.nan, MILD_SHARE * lambda_0)
    if min(norm_m, norm_u) == 0.0:
        return plain_sum(norm_m, norm_u, 0.0, MILD_SHARE * lambda_0)
    cos = max(-1.0, min(1.0, dot / norm_m / norm_u))
    if cos >= 0:
        return plain_sum(norm_m, norm_u, cos, MILD_SHARE * lambda_0)
    scale = max(norm_m, norm_u)
    length_m, length_u = norm_m / scale, norm_u / scale
    lambda_orth = lambda_0 / (1.0 + math.exp(kappa * cos))
    if descent_guard == "clamp":
        lambda_orth = min(lambda_orth, descent_bound(length_m, length_u, cos))
    alpha = minimising_alpha(length_m, length_u, cos, lambda_orth)
    combined = norm_of_sum(alpha * length_m, (1 - alpha) * length_u, cos)
    stationary = combined <= STATIONARY_SHARE
    # Eq. 24: the direction of the combination, the length of the plain sum, amplified.
    amplified = (1.0 + abs(cos) / (1.0 + norm_m / norm_u)) * norm_of_sum(length_m, length_u, cos)
    factor = 0.0 if stationary else amplified / combined
    return ParetoWeights(
        weight_m=factor * alpha,
        weight_u=factor * (1.0 - alpha),
        alpha_m=alpha,
        cos=cos,
        lambda_orth=lambda_orth,
        norm_m=norm_m,
        norm_u=norm_u,
        is_conflict=True,
        is_stationary=stationary,
    )


def minimising_alpha(norm_m: float, norm_u: float, cos: float, lambda_orth: float) -> float:
    """Return the minimiser over [0, 1] of Eqs. 21-22 as one quadratic in alpha.

    |alpha g_m + (1 - alpha) g_u|^2 + lambda alpha (1 - alpha) |g_m . g_u| has the curvature
    A = a + b - 2c - lambda |c|. It is where projected gradient iterations end.
    """
    a, b, c = norm_m**2, norm_u**2, norm_m * norm_u * cos
    curvature = a + b - 2.0 * c - lambda_orth * abs(c)
    if curvature > 0.0:
        # (b - a) as a product keeps its digits where the norms are nearly equal.
        centre = 0.5 + (norm_u - norm_m) * (norm_u + norm_m) / (2.0 * curvature)
        return max(0.0, min(1.0, centre))
    if a == b:
        return 0.5
    return 1.0 if a < b else 0.0


def descent_bound(norm_m: float, norm_u: float, cos: float) -> float:
    """Return the largest lambda at which the combination descends for both objectives.

    With r the larger norm over the smaller and k = |cos|: 2 (1 - k^2) / (k (r - k)),
    infinite where k (r - k) is zero.
    """
    k = abs(cos)
    ratio = max(norm_m, norm_u) / min(norm_m, norm_u)
    margin = k * (ratio - k)
    return math.inf if margin <= 0.0 else 2.0 * (1.0 - k * k) / margin


def norm_of_sum(length_a: float, length_b: float, cos: float) -> float:
    """Return |a + b| from the lengths of two vectors and the cosine between them."""
    squared = length_a**2 + length_b**2 + 2.0 * length_a * length_b * cos
    return math.sqrt(max(squared, 0.0))


def plain_sum(norm_m: float, norm_u: float, cos: float, lambda_orth: float) -> ParetoWeights:
    """Return the weights of ``g_m + g_u``."""
    return ParetoWeights(1.0, 1.0, 0.5, cos, lambda_orth, norm_m, norm_u, False, False)


def check_settings(lambda_0: float, kappa: float, descent_guard: str) -> None:
    """Raise a ValueError if a setting of :func:`om_pareto` is out of its range."""
    if lambda_0 < 0:
        raise ArgumentError(f"Expected `lambda_0` >= 0, got {lambda_0}.")
    if kappa <= 0:
        raise ArgumentError(f"Expected `kappa` > 0, got {kappa}.")
    if descent_guard not in DESCENT_GUARDS:
        raise ArgumentError(
            f"Expected `descent_guard` to be one of {DESCENT_GUARDS}, got {descent_guard!r}."
        )
