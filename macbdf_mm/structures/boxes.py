"""Boxes (left, top, right, bottom): how far two agree, and which square to cut out."""

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float64]


def box_areas(boxes: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the areas of boxes (N, 4), shape (N,), in squared units of the boxes."""
    boxes = np.asarray(boxes, np.float64)
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def intersection_over_union(first: npt.ArrayLike, second: npt.ArrayLike) -> Boxes:
    """Return the share of two boxes' union that both cover, in [0, 1], shape (N, M).

    Args:
        first: Boxes, shape (N, 4).
        second: Boxes in the same unit, shape (M, 4).
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = (high - low).clip(min=0).prod(axis=2)  # (N, M)
    union = box_areas(first)[:, None] + box_areas(second)[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def squares_around(
    boxes: npt.ArrayLike, frame_size: tuple[int, int], margin: float
) -> npt.NDArray[np.float64]:
    """Return the squares to cut out around boxes: centre x, centre y and side, in pixels.

    A square's side is the longer side of its box times ``margin``. It may reach out of the
    frame: a face at the rim keeps its scale.

    Args:
        boxes: Fractions of the frame's width and height, shape (T, 4).
        frame_size: Height and width, in pixels.
        margin: 1 cuts at the box.

    Returns:
        Shape (T, 3).

    Raises:
        ValueError: If ``margin`` is not positive.
    """
    if not margin > 0:
        raise ValueError(f"Expected `margin` > 0, got {margin}.")
    height, width = frame_size
    pixels = np.asarray(boxes, np.float64) * np.array([width, height, width, height])
    centres = (pixels[:, :2] + pixels[:, 2:]) / 2
    sides = (pixels[:, 2:] - pixels[:, :2]).max(axis=1, keepdims=True) * margin
    return np.concatenate([centres, sides], axis=1)
