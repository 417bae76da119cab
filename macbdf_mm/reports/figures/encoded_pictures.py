"""Arrays as pictures that a page holds in itself: data URLs of JPEG and PNG."""

import base64

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib import colormaps

_JPEG_QUALITY = 82


def photo_url(image: npt.NDArray[np.uint8]) -> str:
    """Return an RGB picture, (H, W, 3) uint8, as the data URL of a JPEG."""
    return _url("jpeg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])


def heat_url(values: npt.NDArray[np.floating], low: float, high: float, name: str = "magma") -> str:
    """Return values, (rows, columns), first row at the bottom, as the data URL of a PNG.

    Brighter is more, so that the picture can be read without its colours. NaN is grey.

    Args:
        values: What to show.
        low: The darkest value.
        high: The brightest.
        name: Colour map of matplotlib.
    """
    share = (values[::-1] - low) / max(high - low, 1e-12)
    colours = colormaps[name](np.nan_to_num(share.clip(0, 1)))[..., :3]
    colours[np.isnan(share)] = 0.5
    return _url("png", (colours * 255).round().astype(np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 9])


def _url(kind: str, image: npt.NDArray[np.uint8], options: list[int]) -> str:
    suffix = {"jpeg": ".jpg", "png": ".png"}[kind]
    _, content = cv2.imencode(suffix, np.ascontiguousarray(image[..., ::-1]), options)
    return f"data:image/{kind};base64,{base64.b64encode(content.tobytes()).decode('ascii')}"
