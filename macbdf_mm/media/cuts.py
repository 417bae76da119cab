"""Cuts: where one shot of a video ends and the next begins.

At a cut most of the picture changes at once, and motion goes on over several pictures. So a cut is
a change that is large in a third of the picture, and several times as large as the changes before
and after it. A picture shown within the picture may change as it likes; a flash is two changes,
and no cut. Fades are not found, nor are jumps that leave most of the picture as it was.
"""

import numpy as np
import numpy.typing as npt

MIN_CHANGE = 12.0
"""In levels of 255. It was more for over 95 of 100 pairs of pictures from two of 54 public clips. A
jump within a shot, such as where a forged part was put in, was 9 in one of them: it must not end a
face, for what is left between two such jumps would be too short to be scored."""
MIN_RATIO = 5.0
"""Over the two changes before and the two after; 4.5 at that jump, and at most 3.5 in motion."""
SMALL_SIDE = 32
"""Of the pictures that are compared: motion by less than 1/32 of the frame changes little."""
NUM_BESIDE = 2
"""Changes on each side to which one is compared."""
_SHARE_BELOW = 2 / 3


def picture_changes(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return by how much each picture differs from the one before it, in a third of it or more.

    Args:
        pictures: In grey, shape (T, H, W), uint8, T > 0; averages of areas, about ``SMALL_SIDE``
            wide.

    Returns:
        Levels of 255, shape (T - 1,).
    """
    levels = pictures.astype(np.int16)
    differences = np.abs(np.diff(levels, axis=0))
    if not len(differences):
        return np.zeros(0)
    return np.asarray(np.quantile(differences, _SHARE_BELOW, axis=(1, 2)), np.float64)


def find_cuts(changes: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return which of successive changes are cuts, same shape.

    Args:
        changes: As :func:`picture_changes` returns them, shape (N,).
    """
    values = np.asarray(changes, np.float64)
    padded = np.pad(values, NUM_BESIDE)
    beside = [
        padded[offset : offset + len(values)]
        for offset in range(2 * NUM_BESIDE + 1)
        if offset != NUM_BESIDE
    ]
    return np.asarray((values >= MIN_CHANGE) & (values >= MIN_RATIO * np.max(beside, axis=0)))


def shrink(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return pictures (T, H, W) as averages of areas, 32 to 63 to each side if they are larger.

    What is left over at the right and the bottom is cut off.
    """
    height, width = pictures.shape[1:]
    down, across = (max(1, side // SMALL_SIDE) for side in (height, width))
    rows, columns = height // down, width // across
    whole = pictures[:, : rows * down, : columns * across]
    blocks = whole.reshape(len(pictures), rows, down, columns, across)
    return np.asarray(blocks.mean(axis=(2, 4)).round(), np.uint8)
