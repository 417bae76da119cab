"""Which clips belong together: those of one person or of one recording are not independent."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ArgumentError

ClusterKind = Literal["identity", "source", "clip"]
CLUSTER_KINDS: tuple[ClusterKind, ...] = ("identity", "source", "clip")

MIN_CLUSTERS = 10
"""With fewer clusters of a class, percentiles of a bootstrap are too narrow to be trusted."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """A partition of N clips into clusters.

    Attributes:
        index: (N,) int64, the cluster of each clip, 0 to ``num - 1``.
        num: Number of clusters.
        kinds: (N,) int64, by what each clip is grouped: its place in :data:`CLUSTER_KINDS`.
    """

    index: npt.NDArray[np.int64]
    num: int
    kinds: npt.NDArray[np.int64]

    @classmethod
    def of(cls, index: Any, kind: ClusterKind) -> "Clusters":
        """Return clusters of one kind.

        Args:
            index: (N,) a number for each clip, the same for those of one cluster.
            kind: By what they are grouped.
        """
        values, numbers = np.unique(np.asarray(index), return_inverse=True)
        kinds = np.full(numbers.size, CLUSTER_KINDS.index(kind))
        return cls(numbers.astype(np.int64), int(values.size), kinds)

    @property
    def num_clips_by_kind(self) -> dict[ClusterKind, int]:
        """How many clips are grouped by identity, by source and alone, without those of none."""
        counts = np.bincount(self.kinds, minlength=len(CLUSTER_KINDS)).tolist()
        return {kind: n for kind, n in zip(CLUSTER_KINDS, counts, strict=True) if n}

    @property
    def description(self) -> str:
        """What to write beside an interval: ``'identity'``, or ``'identity (98 %), clip'``."""
        counts = self.num_clips_by_kind
        used = sorted(counts, key=lambda kind: -counts[kind])
        if len(used) < 2:
            return used[0] if used else "clip"
        share = counts[used[0]] / self.index.size
        return f"{used[0]} ({100 * share:.0f} %), {', '.join(used[1:])}"

    def subset(self, clips: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> "Clusters":
        """Return the clusters of some of the clips, in the order of their numbers.

        Args:
            clips: Their indices, or a mask of shape (N,).
        """
        index = self.index[clips]
        is_left = np.bincount(index, minlength=self.num) > 0
        numbers = np.cumsum(is_left) - 1
        return Clusters(numbers[index], int(is_left.sum()), self.kinds[clips])


def clusters_of(
    clips: Sequence[Hashable],
    identities: Sequence[str | None] | None = None,
    sources: Sequence[str | None] | None = None,
) -> Clusters:
    """Return the clusters: clips of one identity; without it, of one source; else each alone.

    A clip without an identity joins that of the clips with its source, if they have one identity
    only. A real clip is the source of the fakes that name it, so that it is in one cluster with
    them.

    Args:
        clips: What tells the clips apart, their files for instance, shape (N,).
        identities: The person in each clip; None or an empty text where unknown.
        sources: The file from which each clip was made; None or an empty text where unknown.

    Raises:
        ValueError: If the lengths differ.
    """
    num_clips = len(clips)
    identities = [None] * num_clips if identities is None else identities
    sources = [None] * num_clips if sources is None else sources
    if not len(identities) == len(sources) == num_clips:
        raise ArgumentError(
            f"Expected `identities` and `sources` of {num_clips} clips, got {len(identities)} "
            f"and {len(sources)}."
        )
    origins = [source or clip for clip, source in zip(clips, sources, strict=True)]
    owners: dict[Hashable, set[str]] = {}
    for origin, identity in zip(origins, identities, strict=True):
        if identity:
            owners.setdefault(origin, set()).add(identity)
    num_from = Counter(origins)
    numbers: dict[tuple[bool, Hashable], int] = {}
    index = np.empty(num_clips, dtype=np.int64)
    kinds = np.empty(num_clips, dtype=np.int64)
    for place, (origin, own) in enumerate(zip(origins, identities, strict=True)):
        candidates = owners.get(origin, ())
        identity = own or (next(iter(candidates)) if len(candidates) == 1 else None)
        key = (True, identity) if identity else (False, origin)
        index[place] = numbers.setdefault(key, len(numbers))
        kinds[place] = 0 if identity else 1 if num_from[origin] > 1 else 2
    return Clusters(index, len(numbers), kinds)
