"""Statistics of a batch's similarities: the basis functions of the temperature (Eqs. 3-4)."""

import torch
from torch import Tensor


def _masked_mean(values: Tensor, valid: Tensor) -> Tensor:
    """Return () the mean of the valid entries, 0 if there are none."""
    return torch.where(valid, values, 0.0).sum() / valid.sum().clamp(min=1)


def pair_features(similarity: Tensor, valid: Tensor) -> Tensor:
    """Return (N, N, 3): what the attention network of Eq. 3 sees of each pair.

    These are the similarity, its deviation from the mean over valid pairs, and the Euclidean
    distance sqrt(2 - 2s) of the two unit vectors.

    Args:
        similarity: (N, N) float, cosines in [-1, 1].
        valid: (N, N) bool.
    """
    deviation = similarity - _masked_mean(similarity, valid)
    distance = (2 - 2 * similarity).clamp(min=0).sqrt()  # rounding can leave s above 1
    return torch.stack([similarity, deviation, distance], dim=-1)


def attention_log_weights(scores: Tensor, valid: Tensor) -> Tensor:
    """Return (N, N) log w of Eq. 3: log-softmax of the scores over all valid pairs.

    Entries that are not valid hold a very low number that exp takes to 0; if none is valid,
    the values mean nothing.

    Args:
        scores: (N, N) float, f_theta of each pair.
        valid: (N, N) bool.
    """
    # The lowest finite number: a softmax over nothing but -inf would be NaN.
    lowest = torch.finfo(scores.dtype).min
    masked = scores.masked_fill(~valid, lowest)
    return masked.flatten().log_softmax(dim=0).view_as(scores)


def basis_functions(similarity: Tensor, valid: Tensor, scores: Tensor) -> Tensor:
    """Return (3,): phi_1 variance, phi_2 weighted skewness, phi_3 entropy of the weights.

    The variance is that of the population and the entropy is divided by the log of the number
    of valid pairs, so that neither depends on the batch size by itself. One pair, or none,
    gives zeros.

    Args:
        similarity: (N, N) float without a graph.
        valid: (N, N) bool.
        scores: (N, N) float, the attention network's scores; phi_2 and phi_3 carry their graph.
    """
    deviation = similarity - _masked_mean(similarity, valid)
    variance = _masked_mean(deviation.square(), valid)

    log_weights = attention_log_weights(scores, valid).masked_fill(~valid, 0.0)
    weights = log_weights.exp() * valid
    skewness = (weights * deviation.abs().pow(3)).sum()

    num_pairs = valid.sum()
    largest_entropy = num_pairs.clamp(min=2).to(scores.dtype).log()
    entropy = -(weights * log_weights).sum() / largest_entropy
    return torch.stack([variance, skewness, entropy])
