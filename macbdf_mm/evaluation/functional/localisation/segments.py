"""Intervals of many files in flat arrays: annotated forgeries, proposals, or scored time steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ArgumentError

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

# Sums of decimal seconds miss their exact value by a few ulp; this is far below a sample.
TOLERANCE_SECONDS = 1e-9


@dataclass(frozen=True, eq=False)
class Segments:
    """S intervals [start, end) of F files.

    Attributes:
        num_files: Number of files F, also of those without an interval.
        files: (S,) int64, the file of each interval, 0 to F - 1, not decreasing.
        starts: (S,) seconds.
        ends: (S,) seconds.
        scores: (S,) how likely each is fake; 1 for annotated forgeries.
    """

    num_files: int
    files: Indices
    starts: Floats
    ends: Floats
    scores: Floats

    @classmethod
    def from_files(cls, rows: Sequence[Any]) -> "Segments":
        """Return the intervals of each file, in the order in which they are given.

        Args:
            rows: For each file, rows of start and end in seconds and, for proposals, the score:
                shape (P, 2) or (P, 3), also with P = 0.

        Raises:
            ValueError: If rows have another shape, a number is NaN or infinite, or an end lies
                before its start; the message says in which file.
        """
        arrays = [_rows_of_file(file, values) for file, values in enumerate(rows)]
        flat = np.concatenate(arrays) if arrays else np.zeros((0, 3))
        counts = [len(array) for array in arrays]
        files = np.repeat(np.arange(len(arrays)), counts).astype(np.int64)
        return cls(len(arrays), files, flat[:, 0], flat[:, 1], flat[:, 2])

    @property
    def counts(self) -> Indices:
        """Number of intervals of each file, shape (F,)."""
        return np.bincount(self.files, minlength=self.num_files)

    @property
    def first(self) -> Indices:
        """Index of the first interval of each file, shape (F,)."""
        return np.concatenate([[0], np.cumsum(self.counts)[:-1]]) if self.num_files else self.files

    @property
    def ranks(self) -> Indices:
        """Place of each interval among those of its file, 0 for the first, shape (S,)."""
        return np.arange(self.files.size) - self.first[self.files]

    def take(self, indices: npt.NDArray[Any] | slice) -> "Segments":
        """Return some of the intervals; their files must not decrease.

        Args:
            indices: Indices, a mask or a slice.
        """
        return Segments(
            self.num_files,
            self.files[indices],
            self.starts[indices],
            self.ends[indices],
            self.scores[indices],
        )

    def of_files(self, is_wanted: npt.NDArray[np.bool_]) -> "Segments":
        """Return the intervals of some of the files, which are counted anew.

        Args:
            is_wanted: Shape (F,).
        """
        number = np.cumsum(is_wanted) - 1
        kept = is_wanted[self.files]
        return Segments(
            int(is_wanted.sum()),
            number[self.files[kept]],
            self.starts[kept],
            self.ends[kept],
            self.scores[kept],
        )

    def by_score(self) -> "Segments":
        """Return the intervals of each file in descending order of the score.

        Those of equal score are ordered by start and end, so that the given order never counts.
        """
        by_score = self
        if not self._is_best_first():
            by_score = self.take(np.lexsort((-self.scores, self.files)))
        is_tied = (np.diff(by_score.files) == 0) & (np.diff(by_score.scores) == 0)
        if not is_tied.any():
            return by_score
        return self.take(np.lexsort((self.ends, self.starts, -self.scores, self.files)))

    def _is_best_first(self) -> bool:
        return bool(((np.diff(self.files) > 0) | (np.diff(self.scores) <= 0)).all())

    def to_rows(self) -> list[Floats]:
        """Return rows of start, end and score for each file, shape (P, 3) each."""
        table = np.stack([self.starts, self.ends, self.scores], axis=1)
        return np.split(table, self.first[1:]) if self.num_files else []


def pooled(tracks: Sequence[Segments]) -> Segments:
    """Return the intervals of all tracks of each file: the overall proposals, for instance.

    Args:
        tracks: Video and audio, for instance, of the same files.

    Raises:
        ValueError: If there is no track, or they have different numbers of files.
    """
    if len({track.num_files for track in tracks}) != 1:
        raise ArgumentError(
            "Expected `tracks` of the same files, got tracks of "
            f"{[track.num_files for track in tracks]} files."
        )
    parts = zip(*((t.files, t.starts, t.ends, t.scores) for t in tracks), strict=True)
    files, starts, ends, scores = map(np.concatenate, parts)
    both = Segments(tracks[0].num_files, files, starts, ends, scores)
    return both.take(np.argsort(files, kind="stable"))


def union(tracks: Sequence[Segments]) -> Segments:
    """Return where any track of a file is fake: the overall forgeries. Touching ones are joined.

    Arguments and errors as of :func:`pooled`.
    """
    ordered = pooled(tracks)
    ordered = ordered.take(np.lexsort((ordered.starts, ordered.files)))
    if not ordered.files.size:
        return ordered
    # The latest end so far in the file. Whole numbers, in which no file reaches over the next.
    size = ordered.files.size
    by_end = np.argsort(ordered.ends, kind="stable")
    ranks = np.empty(size, dtype=np.int64)
    ranks[by_end] = np.arange(size)
    latest = np.maximum.accumulate(ordered.files * size + ranks) % size
    reach = ordered.ends[by_end[latest]]
    is_first = np.ones(size, dtype=bool)
    is_first[1:] = (ordered.files[1:] != ordered.files[:-1]) | (
        ordered.starts[1:] > reach[:-1] + TOLERANCE_SECONDS
    )
    first = np.flatnonzero(is_first)
    last = np.append(first[1:], size) - 1
    return Segments(
        ordered.num_files,
        ordered.files[first],
        ordered.starts[first],
        reach[last],
        np.maximum.reduceat(ordered.scores, first),
    )


def steps_of_files(
    scores: Sequence[Any],
    step_seconds: float | Sequence[float],
    start_seconds: float | Sequence[float] = 0.0,
) -> Segments:
    """Return the scored time steps of many files.

    Args:
        scores: Step scores of each file, shape (T,); steps that are NaN were not seen and are
            left out.
        step_seconds: Length of a step, the same for all files or for each.
        start_seconds: Where the first step begins, the same for all files or for each.

    Raises:
        ValueError: If scores are not one-dimensional, lengths are not positive, or there are not
            as many as files.
    """
    arrays = [np.asarray(values, dtype=np.float64) for values in scores]
    for file, array in enumerate(arrays):
        if array.ndim != 1:
            raise ArgumentError(
                f"Expected `scores` of shape (T,), got {array.shape} (file {file})."
            )
    lengths = _one_per_file("step_seconds", step_seconds, len(arrays))
    if not (lengths > 0).all():
        raise ArgumentError(f"Expected `step_seconds` > 0, got {float(lengths.min())}.")
    begins = _one_per_file("start_seconds", start_seconds, len(arrays))
    counts = [array.size for array in arrays]
    files = np.repeat(np.arange(len(arrays)), counts).astype(np.int64)
    flat = np.concatenate(arrays) if arrays else np.zeros(0)
    numbers = np.concatenate([np.arange(count, dtype=np.float64) for count in [*counts, 0]])
    starts = begins[files] + numbers * lengths[files]
    ends = begins[files] + (numbers + 1) * lengths[files]
    return Segments(len(arrays), files, starts, ends, flat).take(~np.isnan(flat))


def _rows_of_file(file: int, values: Any) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        return np.zeros((0, 3))
    if array.ndim != 2 or array.shape[1] not in (2, 3):
        raise ArgumentError(
            f"Expected rows of start and end, or of start, end and score, got shape {array.shape} "
            f"(file {file})."
        )
    if not np.isfinite(array).all():
        raise ArgumentError(
            f"Expected finite intervals and scores, got {array.tolist()} (file {file})."
        )
    if (array[:, 1] < array[:, 0]).any():
        raise ArgumentError(
            f"Expected intervals whose end is not before their start, got {array.tolist()} "
            f"(file {file})."
        )
    return array if array.shape[1] == 3 else np.column_stack([array, np.ones(len(array))])


def _one_per_file(name: str, values: float | Sequence[float], num_files: int) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 0:
        return np.full(num_files, float(array))
    if array.shape != (num_files,):
        raise ArgumentError(f"Expected one `{name}` or {num_files}, got shape {array.shape}.")
    return array
