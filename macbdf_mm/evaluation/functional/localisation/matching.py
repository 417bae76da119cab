"""Which proposals hit which annotated forgery, in the two conventions of the field.

``exact``
    Best score first, each proposal takes the forgery that it overlaps most among those that are
    still free, if IoU is at least the threshold. Input order never counts.
``avdeepfake1m``
    The rule of the public evaluation of AV-Deepfake1M and LAV-DF, for comparison with published
    numbers. In the order of the file's forgeries, each takes the first proposal, in the order
    given, of IoU strictly above the threshold that none has taken. For recall, a forgery is found
    if any proposal overlaps it so, also one that overlaps others. Arithmetic is in float32.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.functional.localisation.segments import Floats, Indices, Segments

Convention = Literal["exact", "avdeepfake1m"]

NOT_FOUND = np.iinfo(np.int64).max
"""Rank of the proposal that finds a forgery which none finds."""

# IoUs such as 0.16 / 0.32 miss their exact value in the last bit.
_TOLERANCE = 1e-9
# Pairs of a proposal and a forgery that are compared at once.
_PAIRS_AT_ONCE = 2**22


@dataclass(frozen=True, eq=False)
class Matches:
    """Proposals of F files, matched with their annotated forgeries at T thresholds of IoU.

    Attributes:
        convention: The rule.
        iou_thresholds: (T,).
        proposals: As they were matched: best first for ``exact``, as given for ``avdeepfake1m``.
        truths: The annotated forgeries.
        is_hit: (T, P) whether each proposal takes a forgery.
        found_by: (T, G) for each forgery, the rank in its file (0 is the first) of the first
            proposal that finds it, or :data:`NOT_FOUND`.
    """

    convention: Convention
    iou_thresholds: tuple[float, ...]
    proposals: Segments
    truths: Segments
    is_hit: npt.NDArray[np.bool_]
    found_by: Indices

    def at(self, iou_thresholds: Sequence[float]) -> "Matches":
        """Return the matches at some of the thresholds."""
        rows = [self.iou_thresholds.index(threshold) for threshold in iou_thresholds]
        return replace(
            self,
            iou_thresholds=tuple(iou_thresholds),
            is_hit=self.is_hit[rows],
            found_by=self.found_by[rows],
        )


def match(
    proposals: Segments,
    truths: Segments,
    iou_thresholds: Sequence[float],
    convention: Convention = "exact",
) -> Matches:
    """Return which proposals hit, and which forgeries are found.

    Args:
        proposals: Of F files, with scores.
        truths: Annotated forgeries of the same files.
        iou_thresholds: In (0, 1].
        convention: The rule.

    Raises:
        ValueError: If the files differ in number, a threshold is out of its range, or there is no
            such convention.
    """
    if convention not in get_args(Convention):
        raise ArgumentError(f"Expected `convention` in {get_args(Convention)}, got {convention!r}.")
    if proposals.num_files != truths.num_files:
        raise ArgumentError(
            f"Expected proposals and forgeries of the same files, got {proposals.num_files} and "
            f"{truths.num_files} files."
        )
    thresholds = tuple(float(threshold) for threshold in iou_thresholds)
    if not thresholds or not all(0 < threshold <= 1 for threshold in thresholds):
        raise ArgumentError(f"Expected `iou_thresholds` in (0, 1], got {list(iou_thresholds)}.")
    if convention == "exact":
        proposals = proposals.by_score()
    ranks = proposals.ranks
    pairs = _overlapping(proposals, truths, min(thresholds), convention)
    is_hit = np.zeros((len(thresholds), proposals.files.size), dtype=bool)
    found_by = np.full((len(thresholds), truths.files.size), NOT_FOUND)
    for row, threshold in enumerate(thresholds):
        near = pairs.at(threshold, convention)
        proposal, truth = near.matched(convention, ranks)
        is_hit[row, proposal] = True
        if convention == "exact":
            found_by[row, truth] = ranks[proposal]
        else:
            np.minimum.at(found_by[row], near.truth, ranks[near.proposal])
    return Matches(convention, thresholds, proposals, truths, is_hit, found_by)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Proposals and forgeries of one file that overlap, in the order of the proposals."""

    proposal: Indices
    truth: Indices
    iou: npt.NDArray[np.floating]

    def at(self, threshold: float, convention: Convention) -> "_Pairs":
        """Return the pairs that overlap enough."""
        if convention == "exact":
            is_near = self.iou >= threshold - _TOLERANCE
        else:
            is_near = self.iou > np.float32(threshold)
        return _Pairs(self.proposal[is_near], self.truth[is_near], self.iou[is_near])

    def matched(self, convention: Convention, ranks: Indices) -> tuple[Indices, Indices]:
        """Return the proposals and forgeries that take each other."""
        if not (np.diff(self.proposal) == 0).any():
            # No proposal has a choice, as is usual above IoU 0.5: the first takes the forgery.
            truth, places = np.unique(self.truth, return_index=True)
            return self.proposal[places], truth
        if convention == "exact":
            order = np.lexsort((-self.iou, self.proposal))
        else:
            order = np.lexsort((ranks[self.proposal], self.truth))
        proposal, truth = self.proposal[order], self.truth[order]
        free_proposals, free_truths = set(proposal.tolist()), set(truth.tolist())
        taken: list[tuple[int, int]] = []
        for pair in zip(proposal.tolist(), truth.tolist(), strict=True):
            if pair[0] in free_proposals and pair[1] in free_truths:
                taken.append(pair)
                free_proposals.remove(pair[0])
                free_truths.remove(pair[1])
        both = np.array(taken, dtype=np.int64).reshape(-1, 2)
        return both[:, 0], both[:, 1]


def _overlapping(
    proposals: Segments, truths: Segments, min_iou: float, convention: Convention
) -> _Pairs:
    """Return all pairs whose IoU is about ``min_iou`` or more."""
    dtype = np.float64 if convention == "exact" else np.float32
    num_truths, first_truth = truths.counts, truths.first
    partners = num_truths[proposals.files]  # of each proposal
    total = np.concatenate([[0], np.cumsum(partners)])
    parts = []
    start = 0
    while start < partners.size:
        end = max(
            start + 1, int(np.searchsorted(total, total[start] + _PAIRS_AT_ONCE, "right")) - 1
        )
        proposal = np.repeat(np.arange(start, end), partners[start:end])
        within = np.arange(proposal.size) - (total[proposal] - total[start])
        truth = first_truth[proposals.files[proposal]] + within
        iou = _iou(
            proposals.starts[proposal].astype(dtype),
            proposals.ends[proposal].astype(dtype),
            truths.starts[truth].astype(dtype),
            truths.ends[truth].astype(dtype),
        )
        is_near = iou >= min_iou - 1e-6
        parts.append(_Pairs(proposal[is_near], truth[is_near], iou[is_near]))
        start = end
    return _Pairs(
        np.concatenate([part.proposal for part in parts] or [np.zeros(0, np.int64)]),
        np.concatenate([part.truth for part in parts] or [np.zeros(0, np.int64)]),
        np.concatenate([part.iou for part in parts] or [np.zeros(0, dtype)]),
    )


def _iou(
    start: Floats, end: Floats, other_start: Floats, other_end: Floats
) -> npt.NDArray[np.floating]:
    """Return the intersection over union; 0 for two empty intervals."""
    shared = np.maximum(np.minimum(end, other_end) - np.maximum(start, other_start), 0)
    # The hull is the union wherever the intersection is not 0.
    hull = np.maximum(end, other_end) - np.minimum(start, other_start)
    return np.divide(shared, hull, out=np.zeros_like(shared), where=hull > 0)
