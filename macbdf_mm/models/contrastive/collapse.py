"""Whether contrastive embeddings have collapsed, that is, all point in one direction."""

import torch
from torch import Tensor

from macbdf_mm.models.contrastive.feature_queue import FeatureSet

# Two balanced classes that are 26 degrees apart, each of them one point, have this mean cosine.
COLLAPSED_COSINE = 0.95
# A term this close to what coinciding embeddings would cost tells no pair from another.
COLLAPSED_RATIO = 0.95


def is_collapsed(mean_cosine: float, over_collapse: float) -> bool:
    """Return whether a contrastive term has collapsed: it then says nothing about its pairs.

    Both signs are needed. A mean cosine near 1 alone is also that of clips of one class, which
    should be alike. A term at its collapsed value alone is also that of embeddings that have
    learnt nothing yet and point everywhere.

    Args:
        mean_cosine: In [-1, 1], of the term's track, as logged (``mean_cosine_video``). For a term
            across the tracks, the smaller of both.
        over_collapse: The term over its collapsed value, as logged (``cross_va_over_collapse``).
            0, of a term without anchors, does not count as collapsed.
    """
    return mean_cosine > COLLAPSED_COSINE and over_collapse > COLLAPSED_RATIO


@torch.no_grad()
def mean_cosine(features: FeatureSet) -> Tensor:
    """Return () the mean cosine of valid embeddings of different clips, 0 if there is no pair.

    Args:
        features: N rows; those that are not valid hold finite numbers.
    """
    valid = features.valid[:, None] & features.valid[None, :]
    pairs = valid & (features.clip_ids[:, None] != features.clip_ids[None, :])
    cosines = features.embeddings @ features.embeddings.T
    return torch.where(pairs, cosines, 0.0).sum() / pairs.sum().clamp(min=1)
