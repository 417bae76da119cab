"""Embeddings of one track together with what is known of each."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from macbdf_mm.structures.labels import UNKNOWN


@dataclass(frozen=True)
class FeatureSet:
    """N embeddings of one track (all video, or all audio), one a row.

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
            raise ValueError(
                "Expected `embeddings` of shape (N, D), got "
                f"{tuple(self.embeddings.shape)}. Pool the encoder's map first."
            )
        for name in ("labels", "clip_ids", "valid"):
            shape = tuple(getattr(self, name).shape)
            if shape != (len(self),):
                raise ValueError(
                    f"Expected `{name}` of shape ({len(self)},), one a row of `embeddings`, "
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
