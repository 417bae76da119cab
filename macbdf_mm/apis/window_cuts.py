"""Cuts in the windows of whole frames, found in the pictures that the model is given."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch

from macbdf_mm.media.cuts import NUM_BESIDE, find_cuts, picture_changes, shrink
from macbdf_mm.structures.intervals import Interval

# Windows that do not share a grid see the same cut at moments that differ by a step. After a cut,
# the next is found three pictures later at the earliest.
_SAME_SECONDS = 0.11


def cuts_in_window(inputs: Mapping[str, torch.Tensor], span_seconds: Interval) -> list[float]:
    """Return when new shots begin in a window, in seconds of the file, ascending.

    Frame t stands for step t of the window: a cut lies at the edge of two steps. At the ends of
    the window it cannot be told from motion; there the window before or after sees it.

    Args:
        inputs: Of a window, as ``PackForgeryInputs`` gives them: ``video`` of shape (3, T, H, W),
            uint8, and ``video_mask`` (T,).
        span_seconds: The window.
    """
    valid = inputs["video_mask"].numpy()
    if not valid.all():
        # At the edges of what is masked, pictures turn black.
        return []
    grey = inputs["video"].float().mean(dim=0).round().to(torch.uint8).numpy()  # (T, H, W)
    start, end = span_seconds
    steps = np.flatnonzero(find_cuts(picture_changes(shrink(grey)))) + 1
    return [
        float(start + step * (end - start) / len(grey))
        for step in steps
        if NUM_BESIDE < step < len(grey) - NUM_BESIDE
    ]


def joined_cuts(windows: Iterable[Sequence[float]]) -> list[float]:
    """Return the cuts of a file, each once, although windows overlap.

    Args:
        windows: The cuts of each window.
    """
    joined: list[float] = []
    for cut in sorted(cut for cuts in windows for cut in cuts):
        if not joined or cut - joined[-1] > _SAME_SECONDS:
            joined.append(cut)
    return joined


def windows_with_cuts(spans: Sequence[Interval], cuts: Sequence[float]) -> list[int]:
    """Return the positions of the windows in which a cut lies."""
    return [
        position
        for position, (start, end) in enumerate(spans)
        if any(start < cut < end for cut in cuts)
    ]
