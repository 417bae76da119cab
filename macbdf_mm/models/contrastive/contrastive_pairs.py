"""Which candidates attract and which repel an anchor, decided from authenticity labels."""

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from macbdf_mm.models.contrastive.feature_set import FeatureSet

CrossPositive = Literal["own_else_label", "own", "label"]


class PairMasks(NamedTuple):
    """The pairs of N anchors (rows) with M candidates (columns).

    Attributes:
        positives: (N, M) bool.
        negatives: (N, M) bool, of which the loss takes the most similar.
        sure_negatives: (N, M) bool, negatives that the loss takes in any case.
    """

    positives: Tensor
    negatives: Tensor
    sure_negatives: Tensor

    def none(self) -> "PairMasks":
        """Return masks of the same shape without any pair: the loss is 0, with a graph."""
        empty = torch.zeros_like(self.positives)
        return PairMasks(empty, empty, empty)


class _Relations(NamedTuple):
    """(N, M) bool: how anchors and candidates relate; all False where a label is unknown."""

    other_alike: Tensor  # another clip, the same authenticity
    other_unlike: Tensor  # another clip, the other authenticity
    alike: Tensor
    unlike: Tensor


def _relations(anchors: FeatureSet, candidates: FeatureSet) -> _Relations:
    """Return which pairs agree in authenticity, with and without those of one clip."""
    usable = anchors.known[:, None] & candidates.known[None, :]
    same_label = anchors.labels[:, None] == candidates.labels[None, :]
    other_clip = anchors.clip_ids[:, None] != candidates.clip_ids[None, :]
    alike, unlike = usable & same_label, usable & ~same_label
    return _Relations(other_clip & alike, other_clip & unlike, alike, unlike)


def check_cross_positive(cross_positive: str) -> None:
    """Raise ValueError unless ``cross_positive`` is one of the rules of this module."""
    if cross_positive not in get_args(CrossPositive):
        raise ValueError(
            f"Expected `cross_positive` to be one of {get_args(CrossPositive)}, got "
            f"{cross_positive!r}."
        )


def cross_modal_pairs(
    anchors: FeatureSet,
    candidates: FeatureSet,
    cross_positive: CrossPositive = "own_else_label",
) -> PairMasks:
    """Return the pairs between anchors of one track and candidates of the other (Eqs. 2, 7).

    The paper takes an anchor's own other track as its positive. In a clip with one fake track
    that would draw fake and real together, so the own pair is a positive only if both tracks
    have the same authenticity, and a negative in any case if they differ. All other rows of
    the anchor's clip (further windows, stale slots of the queue) are in neither set, nor are
    missing tracks and unknown labels.

    Args:
        anchors: N rows.
        candidates: M >= N rows; the first N are the anchors' own clips, in their order.
        cross_positive: The positives of an anchor: ``"own_else_label"``, its own pair when
            that agrees, else all of other clips that agree; ``"own"``, its own pair only;
            ``"label"``, all that agree, its own pair among them.

    Raises:
        ValueError: If ``cross_positive`` is unknown or there are fewer candidates than anchors.
    """
    check_cross_positive(cross_positive)
    if len(candidates) < len(anchors):
        raise ValueError(
            f"Expected at least {len(anchors)} candidates, the anchors' own clips first, got "
            f"{len(candidates)}."
        )
    relations = _relations(anchors, candidates)
    own = torch.eye(len(anchors), len(candidates), dtype=torch.bool, device=anchors.labels.device)
    own_alike = own & relations.alike
    if cross_positive == "own":
        positives = own_alike
    elif cross_positive == "label":
        positives = own_alike | relations.other_alike
    else:
        has_own = own_alike.any(dim=1, keepdim=True)
        positives = torch.where(has_own, own_alike, relations.other_alike)
    return PairMasks(positives, relations.other_unlike, own & relations.unlike)


def intra_modal_pairs(anchors: FeatureSet, candidates: FeatureSet) -> PairMasks:
    """Return the pairs within one track: other clips with the same, or the other, label.

    Args:
        anchors: N rows.
        candidates: M rows of the same track, the anchors possibly among them.
    """
    relations = _relations(anchors, candidates)
    nothing = torch.zeros_like(relations.alike)
    return PairMasks(relations.other_alike, relations.other_unlike, nothing)
