"""Binary cross-entropy over the known labels of all ranks, and the weights of its columns."""

from collections.abc import Iterable, Mapping

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor

from macbdf_mm.errors import ArgumentError
from macbdf_mm.structures.labels import FAKE, UNKNOWN


def masked_bce(
    logits: Tensor,
    labels: Tensor,
    valid: Tensor | None = None,
    known_classes: Tensor | None = None,
) -> Tensor:
    """Return the mean loss of each column over its known labels, (K,) float32 (Eq. 19).

    Distributed data parallel averages the gradients of the ranks, which would give a rank with
    one known label the say of one with sixteen. So the sum of this rank is divided by the
    count over all ranks and multiplied by their number: the averaged gradient is then that of
    the mean over all ranks' labels. A column without any known label gives a zero that carries
    a graph.

    Args:
        logits: (B, K) raw.
        labels: (B, K) int, 1 fake, 0 real, -1 unknown.
        valid: (B, K) bool, False where a term is left out although its label is known.
        known_classes: (2, K) bool, which of real and fake each column has had. Those of the
            counted labels of all ranks are added in place, and a column that still lacks one
            of them is a zero that carries a graph. None: no column needs both.
    """
    known = labels != UNKNOWN
    if valid is not None:
        known = known & valid
    is_fake = labels == FAKE
    terms = F.binary_cross_entropy_with_logits(logits.float(), is_fake.float(), reduction="none")
    counts = torch.stack([known & ~is_fake, known & is_fake]).sum(dim=1).float()  # (2, K)
    all_reduce(counts)
    if known_classes is not None:
        known_classes |= counts > 0
        known = known & known_classes.all(dim=0)
    total = terms.masked_fill(~known, 0.0).sum(dim=0)
    return total * get_world_size() / counts.sum(dim=0).clamp(min=1.0)


def complete_weights(given: Mapping[str, float], names: Iterable[str]) -> dict[str, float]:
    """Return the weight of each loss by name, 1 where none is given.

    Raises:
        ValueError: If a loss is given that does not exist.
    """
    weights = dict.fromkeys(names, 1.0)
    unknown = set(given) - set(weights)
    if unknown:
        raise ArgumentError(
            f"Expected `loss_weights` for {sorted(weights)}, got {sorted(unknown)}."
        )
    return weights | dict(given)
