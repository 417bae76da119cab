"""Embeddings of one track with what is known of each, and a ring of past ones."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from macbdf_mm.errors import ArgumentError
from macbdf_mm.structures.labels import UNKNOWN

# Far more than the clips of a queue, and exact in every number that may carry an id.
_NUM_IDS = 1 << 24


def clip_id(file: str) -> int:
    """Return the id of a clip in [0, 2^24), from its name in the annotation.

    Windows of one clip share it. Two of 2,000 clips at hand share one by chance about once in
    ten data sets; all that follows is that they are not compared with each other.

    Args:
        file: The clip's ``file`` as the annotation names it; with a prefix where the clips of
            several data folders are trained on.
    """
    return zlib.crc32(file.encode("utf-8", "surrogateescape")) % _NUM_IDS


@dataclass(frozen=True)
class FeatureSet:
    """N embeddings of one track (all video, or all audio), one per row.

    Attributes:
        embeddings: (N, D) float, unit length. Rows that are not valid may hold anything.
        labels: (N,) int64, authenticity of the track: 1 fake, 0 real, -1 unknown.
        clip_ids: (N,) int64, which clip a row comes from; windows of one clip share it.
        valid: (N,) bool, False where the track is missing or a queue's slot is empty.

    Raises:
        ValueError: If the shapes do not fit together.
    """

    embeddings: Tensor
    labels: Tensor
    clip_ids: Tensor
    valid: Tensor

    def __post_init__(self) -> None:
        if self.embeddings.dim() != 2:
            raise ArgumentError(
                "Expected `embeddings` of shape (N, D), got "
                f"{tuple(self.embeddings.shape)}. Pool the encoder's map first."
            )
        for name in ("labels", "clip_ids", "valid"):
            shape = tuple(getattr(self, name).shape)
            if shape != (len(self),):
                raise ArgumentError(
                    f"Expected `{name}` of shape ({len(self)},), one per row of `embeddings`, "
                    f"got {shape}."
                )

    def __len__(self) -> int:
        return self.embeddings.shape[0]

    @property
    def known(self) -> Tensor:
        """Return (N,) bool: rows that are there and whose authenticity is known."""
        return self.valid & (self.labels != UNKNOWN)

    def blanked(self) -> "FeatureSet":
        """Return the same rows in at least float32, with zeros where a row is not valid.

        They are overwritten, so that NaN in the embedding of a missing track stays without
        influence on losses and gradients.
        """
        dtype = torch.promote_types(self.embeddings.dtype, torch.float32)
        embeddings = self.embeddings.to(dtype).masked_fill(~self.valid[:, None], 0.0)
        return FeatureSet(embeddings, self.labels, self.clip_ids, self.valid)

    def detach(self) -> "FeatureSet":
        """Return the same rows without their graph."""
        return FeatureSet(self.embeddings.detach(), self.labels, self.clip_ids, self.valid)


def join(sets: Sequence[FeatureSet]) -> FeatureSet:
    """Return the rows of all sets in order, in the widest of their dtypes."""
    return FeatureSet(
        torch.cat([s.embeddings for s in sets]),
        torch.cat([s.labels for s in sets]),
        torch.cat([s.clip_ids for s in sets]),
        torch.cat([s.valid for s in sets]),
    )


class FeatureQueue(nn.Module):
    """The last ``length`` embeddings of one track, as buffers (section 3.2.1).

    It starts empty and masked. What a forward :meth:`stage` stores is written by
    :meth:`advance`, once per optimiser step, so that every forward of a step reads the same
    queue and none reads itself. Rows have to be gathered over the ranks before they are
    staged. Staged rows are not part of the checkpoint: neither are the gradients of a step
    that was not finished.

    Args:
        length: Number of slots Q; at most the number of training clips.
        embed_dims: Number of channels D of an embedding.

    Attributes:
        features: (Q, D) float32.
        labels: (Q,) int64, 1 fake, 0 real, -1 unknown.
        clip_ids: (Q,) float64, -1 in an empty slot. Not integers: MMEngine averages buffers over
            ranks, integers in float32, where the sum of an id over three ranks is inexact.
        valid: (Q,) bool, False in an empty slot.
        pointer: () int64, the slot that is written next.

    Raises:
        ValueError: If ``length`` or ``embed_dims`` is not positive.
    """

    features: Tensor
    labels: Tensor
    clip_ids: Tensor
    valid: Tensor
    pointer: Tensor

    def __init__(self, length: int, embed_dims: int) -> None:
        super().__init__()
        if length < 1:
            raise ArgumentError(
                f"Expected `length` > 0, got {length}. Give the queue at most as many slots "
                "as there are training clips."
            )
        if embed_dims < 1:
            raise ArgumentError(f"Expected `embed_dims` > 0, got {embed_dims}.")
        self.length = length
        self.register_buffer("features", torch.zeros(length, embed_dims))
        self.register_buffer("labels", torch.full((length,), UNKNOWN, dtype=torch.int64))
        self.register_buffer("clip_ids", torch.full((length,), -1.0, dtype=torch.float64))
        self.register_buffer("valid", torch.zeros(length, dtype=torch.bool))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.int64))
        self._staged: list[FeatureSet] = []

    def contents(self) -> FeatureSet:
        """Return all Q slots, empty ones masked."""
        return FeatureSet(self.features, self.labels, self.clip_ids.long(), self.valid)

    def staged(self) -> FeatureSet | None:
        """Return the rows that the next :meth:`advance` writes, None if there are none."""
        return join(self._staged) if self._staged else None

    @property
    def num_staged_forwards(self) -> int:
        """Return how many forwards have staged rows since the last :meth:`advance`."""
        return len(self._staged)

    def stage(self, rows: FeatureSet) -> None:
        """Keep rows for the next :meth:`advance`, after those staged before; not in eval."""
        if self.training:
            self._staged.append(rows.detach())

    def discard_staged(self) -> None:
        """Forget the staged rows, for a step that was skipped."""
        self._staged.clear()

    def advance(self) -> None:
        """Write the staged rows over the oldest slots; nothing happens if none are staged."""
        rows = self.staged()
        if rows is not None:
            self._write(rows)
        self._staged.clear()

    @torch.no_grad()
    def _write(self, rows: FeatureSet) -> None:
        """Write the valid, finite rows in order, without a copy to the host."""
        if len(rows) == 0:
            return
        # One overflow would otherwise stay a negative of every clip for Q steps.
        kept = rows.valid & rows.embeddings.isfinite().all(dim=1)
        count = kept.sum()
        order = torch.argsort((~kept).to(torch.uint8), stable=True)  # kept rows first
        # How many rows are written before a slot is reached for the first time.
        delay = (torch.arange(self.length, device=count.device) - self.pointer) % self.length
        written = delay < count
        # With more rows than slots, the last row that falls on a slot is the one that stays.
        laps = torch.div(count - 1 - delay, self.length, rounding_mode="floor").clamp(min=0)
        source = order[(delay + laps * self.length).clamp(max=len(rows) - 1)]
        self.features.copy_(torch.where(written[:, None], rows.embeddings[source], self.features))
        self.labels.copy_(torch.where(written, rows.labels[source], self.labels))
        ids = rows.clip_ids[source].to(self.clip_ids.dtype)
        self.clip_ids.copy_(torch.where(written, ids, self.clip_ids))
        self.valid.logical_or_(written)
        self.pointer.copy_((self.pointer + count) % self.length)
