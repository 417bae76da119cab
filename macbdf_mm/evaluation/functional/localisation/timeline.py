"""One timeline from the time steps of overlapping windows."""

from itertools import pairwise
from typing import Literal

import numpy as np

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.functional.localisation.segments import Floats, Indices, Segments

# Edges of steps that should be equal differ by rounding.
_SAME_SECONDS = 1e-6
# Steps that are sorted at once, so that a large set takes no more memory than its steps.
_STEPS_AT_ONCE = 2**20


def merge_steps(steps: Segments, how: Literal["mean", "max"] = "mean") -> Segments:
    """Return a timeline of each file: its steps in order of time, none of which overlap.

    Every edge of a step begins a new one, so where windows are shifted by half a step, those of
    the timeline are half as long.

    Args:
        steps: Steps of each file in any order, which may overlap; without NaN.
        how: The score where several overlap: their mean, as for the windows of a track, or the
            highest, as for a clip that is fake where any of its tracks is.

    Raises:
        ValueError: If ``how`` is neither.
    """
    if how not in ("mean", "max"):
        raise ArgumentError(f"Expected `how` 'mean' or 'max', got {how!r}.")
    if not steps.files.size:
        return steps
    # Whole files: how they are divided changes nothing.
    places = np.arange(_STEPS_AT_ONCE, steps.files.size, _STEPS_AT_ONCE)
    cuts = np.unique(np.searchsorted(steps.files, steps.files[places]))
    bounds = [0, *cuts[cuts > 0].tolist(), steps.files.size]
    parts = [_merge(steps.take(slice(begin, end)), how) for begin, end in pairwise(bounds)]
    columns = zip(*((p.files, p.starts, p.ends, p.scores) for p in parts), strict=True)
    return Segments(steps.num_files, *map(np.concatenate, columns))


def _merge(steps: Segments, how: Literal["mean", "max"]) -> Segments:
    edge, edge_files, edge_seconds = _edges(steps)
    begin, end = edge[: steps.files.size], edge[steps.files.size :]
    num_cells = end - begin  # of each step, a cell lying between two edges
    step = np.repeat(np.arange(steps.files.size), num_cells)
    within = np.arange(step.size) - (np.cumsum(num_cells) - num_cells)[step]
    cell = begin[step] + within
    covered, place, counts = np.unique(cell, return_inverse=True, return_counts=True)
    if how == "mean":
        scores = np.bincount(place, steps.scores[step], covered.size) / counts
    else:
        scores = np.full(covered.size, -np.inf)
        np.maximum.at(scores, place, steps.scores[step])
    return Segments(
        steps.num_files,
        edge_files[covered],
        edge_seconds[covered],
        edge_seconds[covered + 1],
        scores,
    )


def _edges(steps: Segments) -> tuple[Indices, Indices, Floats]:
    """Return the number of the edge of each start and each end, and file and time of each edge."""
    files = np.concatenate([steps.files, steps.files])
    seconds = np.concatenate([steps.starts, steps.ends])
    order = np.lexsort((seconds, files))
    is_new = np.ones(order.size, dtype=bool)
    is_new[1:] = (np.diff(files[order]) > 0) | (np.diff(seconds[order]) > _SAME_SECONDS)
    number = np.empty(order.size, dtype=np.int64)
    number[order] = np.cumsum(is_new) - 1
    first = order[is_new]
    return number, files[first], seconds[first]
