"""Peers from the package torchjd: MGDA, PCGrad and UPGrad on the Gram matrix."""

from collections.abc import Callable

import torch
from torch import Tensor

from macbdf_mm.errors import ConfigError

PeerWeights = Callable[[float, float, float], tuple[float, float]]
"""(|g_m|, |g_u|, cos) -> the weights of both gradients."""

TORCHJD_METHODS = ("mgda", "pcgrad", "upgrad")
_NUM_OBJECTIVES = 2


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
