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

# |d| below this share of its longer part counts as Pareto-stationary: float32 gradients that
# should cancel leave about that much. A gradient below this share of the other counts as zero.
STATIONARY_SHARE = 1e-7
# Eq. 23's "mild correction" without a conflict: lambda is a tenth of its base value.
MILD_SHARE = 0.1
# How far inside of the directions that descend for both `clamp` ends: 0 is their edge, where one
# of the slopes is zero, and 1 their middle. Far enough for float32, little enough to turn little.
DESCENT_MARGIN = 0.1


@dataclass(frozen=True)
class ParetoWeights:
    """How to combine the two gradients: ``h = weight_m * g_m + weight_u * g_u``.

    Attributes:
        weight_m: Factor of the multimodal gradient, Eq. 24's magnitude included.
        weight_u: Factor of the unimodal gradient.
        alpha_m: Convex weight of the multimodal gradient in the direction of ``h``, in [0, 1].
        cos: Cosine between the gradients; 0 where one of them is zero.
        lambda_orth: Strength of the orthogonal regularisation, Eq. 23.
        norm_m: |g_m|.
        norm_u: |g_u|.
        is_conflict: Whether cos < 0.
        is_stationary: Whether the convex combination vanished, so that ``h`` is zero.
        is_in_dead_zone: Whether they conflict by so little that the plain sum was taken.
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
    is_in_dead_zone: bool = False

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
    dead_zone: float = 0.1,
    normalised: bool = False,
) -> ParetoStep:
    """Return the OM-Pareto step of two flat gradients.

    ``dead_zone=0.0, normalised=False, descent_guard="none"`` is the paper's rule.

    Args:
        g_m: Gradient of the multimodal objective, shape (P,).
        g_u: Gradient of the unimodal objective, shape (P,).
        lambda_0: Base strength of the orthogonal regularisation, Eq. 23.
        kappa: Its curvature over the cosine, > 0.
        descent_guard: ``none`` is the paper's; ``clamp`` turns the step, without changing its
            length, until it descends for both objectives.
        dead_zone: In [0, 1]. A conflict with |cos| up to here is taken for noise and leaves the
            plain sum. From here to twice as far the weights pass from the sum's to Eq. 24's in
            proportion to |cos|. 0 is the paper's rule, which jumps at cos = 0.
        normalised: Whether Eqs. 21-22 weigh both gradients at unit length. They then weigh the
            same, and h halves the angle between them; lambda makes no difference.

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
        dead_zone=dead_zone,
        normalised=normalised,
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
    dead_zone: float = 0.1,
    normalised: bool = False,
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
        dead_zone: As in :func:`om_pareto`.
        normalised: As in :func:`om_pareto`.

    Raises:
        ValueError: If a setting is out of its range.
    """
    check_settings(lambda_0, kappa, descent_guard, dead_zone)
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
    share = blended_share(cos, dead_zone)
    is_in_dead_zone = share == 0.0
    if min(length_m, length_u) <= STATIONARY_SHARE:
        # As good as zero: the sum, as without it.
        share = 0.0
    weight_m = weight_u = 1.0
    if share > 0.0:
        paper_m, paper_u = eq_24_weights(length_m, length_u, cos, lambda_orth, normalised)
        weight_m, weight_u = (1.0 - share) + share * paper_m, (1.0 - share) + share * paper_u
    if descent_guard == "clamp":
        weight_m, weight_u = descending_weights(weight_m, weight_u, length_m, length_u, cos)
    total = weight_m + weight_u
    return ParetoWeights(
        weight_m=weight_m,
        weight_u=weight_u,
        alpha_m=weight_m / total if total else 0.5,
        cos=cos,
        lambda_orth=lambda_orth,
        norm_m=norm_m,
        norm_u=norm_u,
        is_conflict=True,
        is_stationary=total == 0.0,
        is_in_dead_zone=is_in_dead_zone,
    )


def blended_share(cos: float, dead_zone: float) -> float:
    """Return how much of Eq. 24's weights a conflict gets, in [0, 1]; the sum gets the rest.

    0 up to the edge of the dead zone and 1 from twice its width on, linear in between, so that
    the step does not jump anywhere.

    Args:
        cos: Cosine between the gradients, < 0.
        dead_zone: As in :func:`om_pareto`.
    """
    if dead_zone == 0.0:
        return 1.0
    return max(0.0, min(1.0, (-cos - dead_zone) / dead_zone))


def eq_24_weights(
    norm_m: float, norm_u: float, cos: float, lambda_orth: float, normalised: bool
) -> tuple[float, float]:
    """Return the weights of both gradients in the step ``h`` of Eq. 24; zeros where d vanishes.

    Args:
        norm_m: |g_m|, in (0, 1].
        norm_u: |g_u|, in (0, 1]; the larger norm is 1.
        cos: Cosine between the gradients, < 0.
        lambda_orth: Of Eq. 23.
        normalised: As in :func:`om_pareto`.
    """
    length_m, length_u = (1.0, 1.0) if normalised else (norm_m, norm_u)
    alpha = minimising_alpha(length_m, length_u, cos, lambda_orth)
    part_m, part_u = alpha * length_m, (1.0 - alpha) * length_u
    combined = norm_of_sum(part_m, part_u, cos)
    if combined <= STATIONARY_SHARE * max(part_m, part_u):
        return 0.0, 0.0
    # The direction of the combination, the length of the plain sum, amplified.
    amplified = (1.0 + abs(cos) / (1.0 + norm_m / norm_u)) * norm_of_sum(norm_m, norm_u, cos)
    factor = amplified / combined
    return factor * alpha * (length_m / norm_m), factor * (1.0 - alpha) * (length_u / norm_u)


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


def descending_weights(
    weight_m: float, weight_u: float, norm_m: float, norm_u: float, cos: float
) -> tuple[float, float]:
    """Return the weights turned until the step descends for both, its length unchanged.

    With p the shorter and q the longer of ``weight_m |g_m|`` and ``weight_u |g_u|``, and
    k = |cos|, the slope along the shorter's gradient is p - k q: it must be above zero. At the
    edge the ratio p / q is k, which is where the paper's lambda is 2 (1 - k^2) / (k (r - k)), r
    the larger norm over the smaller. The ratio is held at ``DESCENT_MARGIN`` of the way to the
    middle, a way that is taken times k, so that nothing jumps at cos = 0.

    Args:
        weight_m: Weight of g_m, >= 0.
        weight_u: Weight of g_u, >= 0.
        norm_m: |g_m|, > 0.
        norm_u: |g_u|, > 0.
        cos: Cosine between the gradients, < 0.
    """
    k = abs(cos)
    smallest = k * (1.0 + DESCENT_MARGIN * (1.0 - k))
    part_m, part_u = weight_m * norm_m, weight_u * norm_u
    if min(part_m, part_u) >= smallest * max(part_m, part_u):
        return weight_m, weight_u
    length = norm_of_sum(part_m, part_u, cos)
    turned = norm_of_sum(smallest, 1.0, cos)
    if turned <= STATIONARY_SHARE:
        # Opposite gradients: what descends for one ascends the other.
        return 0.0, 0.0
    shorter, longer = smallest * length / turned, length / turned
    if part_m < part_u:
        return shorter / norm_m, longer / norm_u
    return longer / norm_m, shorter / norm_u


def norm_of_sum(length_a: float, length_b: float, cos: float) -> float:
    """Return |a + b| from the lengths of two vectors and the cosine between them."""
    squared = length_a**2 + length_b**2 + 2.0 * length_a * length_b * cos
    return math.sqrt(max(squared, 0.0))


def plain_sum(norm_m: float, norm_u: float, cos: float, lambda_orth: float) -> ParetoWeights:
    """Return the weights of ``g_m + g_u``."""
    return ParetoWeights(1.0, 1.0, 0.5, cos, lambda_orth, norm_m, norm_u, False, False)


def check_settings(lambda_0: float, kappa: float, descent_guard: str, dead_zone: float) -> None:
    """Raise a ValueError if a setting of :func:`om_pareto` is out of its range."""
    if lambda_0 < 0:
        raise ArgumentError(f"Expected `lambda_0` >= 0, got {lambda_0}.")
    if kappa <= 0:
        raise ArgumentError(f"Expected `kappa` > 0, got {kappa}.")
    if descent_guard not in DESCENT_GUARDS:
        raise ArgumentError(
            f"Expected `descent_guard` to be one of {DESCENT_GUARDS}, got {descent_guard!r}."
        )
    if not 0.0 <= dead_zone <= 1.0:
        raise ArgumentError(f"Expected `dead_zone` in [0, 1], got {dead_zone}.")
