"""One contrastive loss: which pairs it is made of, its value, its derivative by the temperature."""

from typing import Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from macbdf_mm.errors import ArgumentError
from macbdf_mm.models.contrastive.feature_queue import FeatureSet

CrossPositive = Literal["own_else_label", "own", "label"]


class PairMasks(NamedTuple):
    """The pairs of N anchors (rows) with M candidates (columns).

    Attributes:
        positives: (N, M) bool.
        negatives: (N, M) bool, of which the loss takes all, or the most similar.
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
        raise ArgumentError(
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
        raise ArgumentError(
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


MarginMode = Literal["outside", "inside"]


class ContrastiveTerm(NamedTuple):
    """One of the four losses of Eq. 8.

    Attributes:
        loss: () float, 0 with a graph if there is no anchor.
        tau_gradient: () float without a graph, d loss / d tau.
        num_anchors: () int64, anchors with at least one positive and one negative.
        over_collapse: () float without a graph, the loss over what the same pairs would cost if
            all embeddings coincided; 0 without an anchor.
    """

    loss: Tensor
    tau_gradient: Tensor
    num_anchors: Tensor
    over_collapse: Tensor


def check_margin_mode(margin_mode: str) -> None:
    """Raise ValueError unless ``margin_mode`` is ``"outside"`` or ``"inside"``."""
    if margin_mode not in get_args(MarginMode):
        raise ArgumentError(
            f"Expected `margin_mode` to be one of {get_args(MarginMode)}, got {margin_mode!r}."
        )


def hardest_negatives(similarity: Tensor, pairs: PairMasks, num_negatives: int) -> Tensor:
    """Return (N, M) bool: the most similar negatives of each anchor, and its sure ones.

    Args:
        similarity: (N, M) float.
        pairs: Masks of the same shape.
        num_negatives: How many K to take, apart from the sure ones.
    """
    num_taken = min(num_negatives, similarity.shape[1])
    ranked = similarity.detach().masked_fill(~pairs.negatives, -torch.inf)
    hardest = ranked.topk(num_taken, dim=1).indices  # (N, K)
    taken = torch.zeros_like(pairs.negatives).scatter(1, hardest, True)
    # An anchor with fewer than K negatives had the list filled with what is none.
    return (taken & pairs.negatives) | pairs.sure_negatives


def contrastive_term(
    similarity: Tensor,
    pairs: PairMasks,
    tau: Tensor,
    margin: float = 0.1,
    margin_mode: MarginMode = "outside",
    num_negatives: int | None = None,
) -> ContrastiveTerm:
    r"""Return the mean over anchors and positives of Eq. 7 or 2, and its tau derivative.

    An anchor i with positive p costs logsumexp([z+_ip, z-_i1 .. z-_iK]) - z+_ip with
    z+ = s+/tau and z- = s-/tau - m. Its derivative has the closed form
    (s+ - \sum_j p_j s~_j)/tau^2, where j runs over the positive and the negatives, p is their
    softmax, and s~ is the similarity less the margin where tau divides the margin. Costs are
    averaged over an anchor's positives, then over the anchors that have both kinds of pair.

    If all embeddings coincide, an anchor with n negatives costs log(1 + n exp(-m)) whatever tau
    is. Where tau divides the margin, it costs log(1 + n exp(-m/tau)), and a lower tau makes it
    look as if something had been learnt.

    Args:
        similarity: (N, M) float, cosine similarities of anchors and candidates.
        pairs: Masks of the same shape.
        tau: () float, temperature; may carry a graph.
        margin: m >= 0, subtracted from the similarity of negatives.
        margin_mode: ``"outside"`` for s/tau - m as Eq. 7 writes it, ``"inside"`` for (s - m)/tau
            as in Eq. 2.
        num_negatives: K, the most similar negatives that count; None for all of them.

    Raises:
        ValueError: If ``margin_mode`` is unknown.
    """
    check_margin_mode(margin_mode)
    if num_negatives is None:
        negatives = pairs.negatives | pairs.sure_negatives
    else:
        negatives = hardest_negatives(similarity, pairs, num_negatives)
    has_both = negatives.any(dim=1) & pairs.positives.any(dim=1)  # (N,)
    counted = pairs.positives & has_both[:, None]

    is_inside = margin_mode == "inside"
    shifted = similarity - margin if is_inside else similarity
    negative_logits = shifted / tau if is_inside else shifted / tau - margin
    negative_logits = negative_logits.masked_fill(~negatives, -torch.inf)
    # The gradient of a row of -inf is NaN. It would end at the mask above, but anomaly
    # detection would stop at it; what replaces the row is not counted.
    negative_logits = negative_logits.masked_fill(~has_both[:, None], 0.0)
    repulsion = negative_logits.logsumexp(dim=1, keepdim=True)  # (N, 1)
    # logsumexp([z+, z-]) - z+ = softplus(logsumexp(z-) - z+), which cannot cancel.
    excess = repulsion - similarity / tau  # (N, M)
    loss = _mean_over_anchors(F.softplus(excess), counted)

    with torch.no_grad():
        # p_j sums over the negatives to sigmoid(excess), so that the sum over j in the closed
        # form is s+ less sigmoid(excess) times the gap to the negatives' mean similarity.
        mean_negative = (negative_logits.softmax(dim=1) * shifted).sum(dim=1, keepdim=True)
        slope = torch.sigmoid(excess) * (similarity - mean_negative) / tau**2
        tau_gradient = _mean_over_anchors(slope, counted)
        log_num_negatives = negatives.sum(dim=1).to(loss.dtype).log()
        collapsed_excess = log_num_negatives - (margin / tau if is_inside else margin)
        collapsed = _mean_over_anchors(F.softplus(collapsed_excess)[:, None], has_both[:, None])
        over_collapse = loss / collapsed.clamp(min=torch.finfo(loss.dtype).tiny)
    return ContrastiveTerm(loss, tau_gradient, has_both.sum(), over_collapse)


def _mean_over_anchors(values: Tensor, counted: Tensor) -> Tensor:
    """Return () the mean over counted columns, then over rows with one; 0 if there is none."""
    per_row = counted.sum(dim=1)
    # where, not a product: an uncounted value may be infinite.
    totals = torch.where(counted, values, 0.0).sum(dim=1)
    means = totals / per_row.clamp(min=1)
    return means.sum() / (per_row > 0).sum().clamp(min=1)
