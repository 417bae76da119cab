"""Cutting a square out of a picture at any place and scale."""

import cv2
import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ArgumentError


def crop_square(
    image: npt.NDArray[np.uint8], square: npt.ArrayLike, size: int
) -> npt.NDArray[np.uint8]:
    """Return the square as a picture of ``size`` x ``size`` pixels, RGB, uint8.

    Exact to parts of a pixel, so that a crop that follows a face does not tremble. A square
    that is shrunk is averaged over its pixels. Outside of the frame its rim is repeated.

    Args:
        image: RGB, shape (H, W, 3).
        square: Centre x, centre y and side, in pixels of the image, shape (3,).
        size: Side of the result, in pixels.

    Raises:
        ValueError: If ``size`` or the side is not positive.
    """
    centre_x, centre_y, side = (float(value) for value in np.asarray(square))
    if size < 1 or not side > 0:
        raise ArgumentError(f"Expected `size` and the square's side > 0, got {size} and {side}.")
    # Sampled at least as finely as the image, then averaged in blocks.
    num_samples = max(1, int(np.ceil(side / size - 1e-6)))
    fine = size * num_samples
    step = side / fine
    # Pixel centres lie half a pixel inside of the edges, in the image and in the crop.
    offset_x = centre_x - side / 2 + step / 2 - 0.5
    offset_y = centre_y - side / 2 + step / 2 - 0.5
    placement = np.array([[step, 0.0, offset_x], [0.0, step, offset_y]])
    crop = cv2.warpAffine(
        image,
        placement,
        (fine, fine),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if num_samples > 1:
        crop = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(crop, np.uint8)
