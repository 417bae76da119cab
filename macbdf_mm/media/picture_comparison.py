"""Whether two rows of pictures differ somewhere more than encoding them differently does."""

import cv2
import numpy as np
import numpy.typing as npt

# Compression takes away what is finer than this; forged faces differ in what is coarser too.
_DETAIL_SIZE = 5
# Of a picture whose short side is 256: a face of a tenth of its height still fills the patch.
_PATCH_SIZE = 17
# A swapped face may be missing in part of the clip, so not the median of the pictures; a cut or
# one damaged picture is no forgery, so not the maximum.
_PICTURE_QUANTILE = 0.75
# Of height by width; further apart, one is rotated or cropped, and no place fits another.
_MAX_ASPECT_RATIO = 1.1


def compare_pictures(first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> float | None:
    """Return the largest local difference of two rows of pictures, in grey levels of 255.

    Of each pair of pictures, without their finest details: the mean absolute difference of the
    patch that differs most, less the median over all patches, which is what encoding and a
    change of brightness amount to. Of all pairs the upper quartile.

    Args:
        first: RGB pictures, shape (T, H, W, 3), uint8, of a short side of about 256.
        second: The same moments, shape (T, H', W', 3); resized if the size differs.

    Returns:
        The difference, or None where the shapes of the pictures are too different to compare.

    Raises:
        ValueError: If the numbers of pictures differ, or there is none.
    """
    if len(first) != len(second) or not len(first):
        raise ValueError(
            f"Expected as many pictures in `first` as in `second`, got {len(first)} and "
            f"{len(second)}."
        )
    aspects = sorted(images.shape[1] / images.shape[2] for images in (first, second))
    if aspects[1] > _MAX_ASPECT_RATIO * aspects[0]:
        return None
    pairs = zip(first, second, strict=True)
    differences = [_largest_patch(_grey(a), _grey(b)) for a, b in pairs]
    return float(np.quantile(differences, _PICTURE_QUANTILE))


def _grey(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY).astype(np.float32)


def _largest_patch(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    if a.shape != b.shape:
        b = np.asarray(cv2.resize(b, a.shape[::-1], interpolation=cv2.INTER_AREA), np.float32)
    coarse = np.abs(_box_mean(a - b, _DETAIL_SIZE))
    local = _box_mean(coarse, _PATCH_SIZE)
    return float(local.max() - np.median(local))


def _box_mean(values: npt.NDArray[np.float32], size: int) -> npt.NDArray[np.float32]:
    """Return the mean of the square of ``size`` pixels around each pixel."""
    blurred = cv2.blur(values, (size, size), borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float32)
