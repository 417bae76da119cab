"""The contrastive losses of a batch over all ranks, with the queues and the temperature."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from macbdf_mm.errors import ArgumentError
from macbdf_mm.models.contrastive.adaptive_temperature import AdaptiveTemperature
from macbdf_mm.models.contrastive.collapse import mean_cosine
from macbdf_mm.models.contrastive.contrastive_loss import (
    ContrastiveTerm,
    CrossPositive,
    MarginMode,
    PairMasks,
    check_cross_positive,
    check_margin_mode,
    contrastive_term,
    cross_modal_pairs,
    intra_modal_pairs,
)
from macbdf_mm.models.contrastive.feature_queue import FeatureQueue, FeatureSet, join

# The 1/4 of Eq. 8; it stays when an ablation drops terms.
TERM_WEIGHT = 0.25
# No optimiser step accumulates the gradients of so many forwards.
_MAX_STAGED_FORWARDS = 512


@dataclass(frozen=True)
class ContrastiveLosses:
    """The losses of one batch, each () float32 and not yet weighted.

    Attributes:
        video_to_audio: L_va of Eq. 7, anchors are video embeddings.
        audio_to_video: L_av of Eq. 2.
        video_to_video: L_vv, within the video track.
        audio_to_audio: L_aa, within the audio track.
        tau: Temperature that all four used.
        num_anchors: (4,) int64, anchors that counted, in the order of the losses.
        over_collapse: (4,) float32, each loss over what the same pairs would cost if all
            embeddings coincided; 0 where there is no anchor.
        mean_cosine: (2,) float32 in [-1, 1], of the batch's video and audio embeddings: the mean
            over pairs of different clips, 0 if there is no pair.
    """

    video_to_audio: Tensor
    audio_to_video: Tensor
    video_to_video: Tensor
    audio_to_audio: Tensor
    tau: Tensor
    num_anchors: Tensor
    over_collapse: Tensor
    mean_cosine: Tensor

    @property
    def total(self) -> Tensor:
        """Return () L_C of Eq. 8: a quarter of the sum, whether or not a term was dropped."""
        cross = self.video_to_audio + self.audio_to_video
        return TERM_WEIGHT * (cross + self.video_to_video + self.audio_to_audio)


class MACL(nn.Module):
    """Multi-modal adaptive contrast learning (section 3.2.1, Eqs. 2-8).

    All ranks gather their batches and compute the same losses from them, so that queues and
    temperature are equal everywhere without being sent around. In eval nothing is gathered,
    staged or moved: the losses are those of the rank's own batch against the frozen queues.

    Call :meth:`advance` once after every optimiser step; forwards in between (accumulated
    gradients) all read the same queues and the same previous temperature. Without a call the
    queues stay empty, and what the forwards noted piles up.

    Args:
        embed_dims: Channels D of an embedding.
        queue_length: Slots Q of each queue; at most the number of training clips.
        num_negatives: K, the most similar negatives of an anchor that count. None takes all of
            them: with the nearest few, embeddings that cannot be told apart yet collapse.
        margin: m of Eqs. 2 and 7.
        margin_mode: ``"outside"`` or ``"inside"``; see :func:`contrastive_term`.
        cross_positive: ``"own_else_label"``, ``"own"`` or ``"label"``; see
            :func:`cross_modal_pairs`.
        with_cross: Whether L_va and L_av count (Table 2: w/o L_cross).
        with_intra: Whether L_vv and L_aa count (Table 2: w/o L_intra). A dropped loss is a zero
            with a graph; without both (w/o L_C) queues and temperature still move.
        temperature: Arguments of :class:`AdaptiveTemperature`.

    Attributes:
        video_queue: :class:`FeatureQueue` of video embeddings.
        audio_queue: The same of audio embeddings.
        temperature: :class:`AdaptiveTemperature`.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self,
        embed_dims: int = 128,
        queue_length: int = 2048,
        num_negatives: int | None = None,
        margin: float = 0.1,
        margin_mode: MarginMode = "outside",
        cross_positive: CrossPositive = "own_else_label",
        with_cross: bool = True,
        with_intra: bool = True,
        temperature: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if num_negatives is not None and num_negatives < 1:
            raise ArgumentError(
                f"Expected `num_negatives` > 0, got {num_negatives}. None takes all negatives."
            )
        if margin < 0:
            raise ArgumentError(f"Expected `margin` >= 0, got {margin}.")
        check_margin_mode(margin_mode)
        check_cross_positive(cross_positive)
        self.num_negatives = num_negatives
        self.margin = margin
        self.margin_mode = margin_mode
        self.cross_positive = cross_positive
        self.with_cross = with_cross
        self.with_intra = with_intra
        self.video_queue = FeatureQueue(queue_length, embed_dims)
        self.audio_queue = FeatureQueue(queue_length, embed_dims)
        self.temperature = AdaptiveTemperature(**(temperature or {}))

    def forward(self, video: FeatureSet, audio: FeatureSet) -> ContrastiveLosses:
        """Return the four losses; in training, note embeddings and temperature for later.

        Args:
            video: (B, D) video embeddings of unit length, with labels and clip ids.
            audio: The same of the same clips in the same order.

        Raises:
            ValueError: If the two sets differ in shape.
            RuntimeError: If hundreds of training forwards went by without :meth:`advance`.
        """
        _check_same_shape(video, audio)
        self._check_is_advanced()
        with torch.autocast(video.embeddings.device.type, enabled=False):
            video, audio = video.blanked(), audio.blanked()
            if self.training:
                video, audio = _gather(video, audio)
            step = self.temperature(
                video.embeddings @ audio.embeddings.T, video.valid[:, None] & audio.valid[None, :]
            )
            terms = self._terms(video, audio, step.tau)
        self.video_queue.stage(video)
        self.audio_queue.stage(audio)
        tau_gradient = torch.stack([term.tau_gradient for term in terms]).sum()
        self.temperature.stage(step, TERM_WEIGHT * tau_gradient)
        return ContrastiveLosses(
            video_to_audio=terms[0].loss,
            audio_to_video=terms[1].loss,
            video_to_video=terms[2].loss,
            audio_to_audio=terms[3].loss,
            tau=step.tau.detach(),
            num_anchors=torch.stack([term.num_anchors for term in terms]),
            over_collapse=torch.stack([term.over_collapse for term in terms]),
            mean_cosine=torch.stack([mean_cosine(video), mean_cosine(audio)]),
        )

    def _terms(self, video: FeatureSet, audio: FeatureSet, tau: Tensor) -> list[ContrastiveTerm]:
        """Return L_va, L_av, L_vv and L_aa; candidates are the batch, then the queue."""
        videos = join([video, self.video_queue.contents()])
        audios = join([audio, self.audio_queue.contents()])
        return [
            self._term(video, audios, self._cross_pairs(video, audios), tau),
            self._term(audio, videos, self._cross_pairs(audio, videos), tau),
            self._term(video, videos, self._intra_pairs(video, videos), tau),
            self._term(audio, audios, self._intra_pairs(audio, audios), tau),
        ]

    def _cross_pairs(self, anchors: FeatureSet, candidates: FeatureSet) -> PairMasks:
        """Return the pairs across the tracks, none if they are switched off."""
        pairs = cross_modal_pairs(anchors, candidates, self.cross_positive)
        return pairs if self.with_cross else pairs.none()

    def _intra_pairs(self, anchors: FeatureSet, candidates: FeatureSet) -> PairMasks:
        """Return the pairs within a track, none if they are switched off."""
        pairs = intra_modal_pairs(anchors, candidates)
        return pairs if self.with_intra else pairs.none()

    def _term(
        self, anchors: FeatureSet, candidates: FeatureSet, pairs: PairMasks, tau: Tensor
    ) -> ContrastiveTerm:
        """Return one of the four losses with this module's settings."""
        return contrastive_term(
            anchors.embeddings @ candidates.embeddings.T,
            pairs,
            tau,
            margin=self.margin,
            margin_mode=self.margin_mode,
            num_negatives=self.num_negatives,
        )

    def _check_is_advanced(self) -> None:
        """Raise RuntimeError if nobody calls :meth:`advance`, before memory runs out."""
        if self.video_queue.num_staged_forwards >= _MAX_STAGED_FORWARDS:
            raise RuntimeError(
                f"Expected `advance()` after each optimiser step, got {_MAX_STAGED_FORWARDS} "
                "training forwards without it. Add a ContrastiveStateHook to "
                "`default_hooks`, or call it yourself."
            )

    def advance(self) -> None:
        """Write the queues and move the temperature; call it after each optimiser step."""
        self.video_queue.advance()
        self.audio_queue.advance()
        self.temperature.advance()

    def discard_staged(self) -> None:
        """Forget the forwards since the last :meth:`advance`, if the step was skipped."""
        self.video_queue.discard_staged()
        self.audio_queue.discard_staged()
        self.temperature.discard_staged()


def _check_same_shape(video: FeatureSet, audio: FeatureSet) -> None:
    """Raise ValueError unless both sets have the same number of rows and channels."""
    if video.embeddings.shape != audio.embeddings.shape:
        raise ArgumentError(
            "Expected `video` and `audio` embeddings of one shape, got "
            f"{tuple(video.embeddings.shape)} and {tuple(audio.embeddings.shape)}. Give a "
            "missing track a row that is not valid."
        )


def _gather(video: FeatureSet, audio: FeatureSet) -> tuple[FeatureSet, FeatureSet]:
    """Return the two sets with the rows of all ranks."""
    facts = torch.stack(
        [
            video.labels,
            audio.labels,
            video.clip_ids,
            audio.clip_ids,
            video.valid.long(),
            audio.valid.long(),
        ],
        dim=1,
    )  # (B, 6) int64: one message instead of six
    video_rows, audio_rows, facts = gather_rows(video.embeddings, audio.embeddings, facts)
    video_labels, audio_labels, video_ids, audio_ids, has_video, has_audio = facts.unbind(dim=1)
    return (
        FeatureSet(video_rows, video_labels, video_ids, has_video.bool()),
        FeatureSet(audio_rows, audio_labels, audio_ids, has_audio.bool()),
    )


class _GatherRows(torch.autograd.Function):
    """Rows of all ranks in the order of the ranks; see :func:`gather_rows`."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, sizes: list[int]) -> Tensor:
        rank = dist.get_rank()
        ctx.start, ctx.size, ctx.num_ranks = sum(sizes[:rank]), sizes[rank], len(sizes)
        # Backends gather equal shapes only.
        padded = rows.new_zeros((max(sizes), *rows.shape[1:]))
        padded[: sizes[rank]] = rows
        parts = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        # All ranks hold the same gradient, so its sum over them needs no communication.
        return grad[ctx.start : ctx.start + ctx.size] * ctx.num_ranks, None


def gather_rows(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Return each tensor with the rows of all ranks, rank 0 first.

    Without a distributed run, or with one rank, the tensors themselves come back. Ranks may
    hold different numbers of rows. For the gradient to be right, every rank has to compute
    the same loss from the gathered rows, and parameters' gradients have to be averaged over
    the ranks, as DistributedDataParallel does: then they equal those of one process that
    holds all rows. The backward pass does not communicate, so it may run any number of times.

    Args:
        *tensors: (N, ...) of any dtype that the backend can gather (not bool), with the same N.

    Raises:
        ValueError: If the tensors differ in their number of rows.
    """
    lengths = {len(tensor) for tensor in tensors}
    if len(lengths) > 1:
        raise ArgumentError(
            f"Expected tensors with the same number of rows, got {sorted(lengths)}."
        )
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return tensors
    length = torch.tensor([lengths.pop()], device=tensors[0].device)
    gathered = [torch.empty_like(length) for _ in range(dist.get_world_size())]
    dist.all_gather(gathered, length)
    sizes = torch.cat(gathered).tolist()
    return tuple(_GatherRows.apply(tensor, sizes) for tensor in tensors)
