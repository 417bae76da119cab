import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from macbdf_mm.media.crop_square import crop_square

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def sampled(image, square, size):
    """Sample bilinearly on a grid as fine as the image, and average: an independent reference."""
    centre_x, centre_y, side = square
    count = max(1, int(np.ceil(side / size - 1e-6)))
    places = (np.arange(size * count) + 0.5) / (size * count) * side - side / 2 - 0.5
    rows, columns = np.meshgrid(centre_y + places, centre_x + places, indexing="ij")
    channels = [
        map_coordinates(image[..., c].astype(np.float64), [rows, columns], order=1, mode="nearest")
        for c in range(3)
    ]
    fine = np.stack(channels, axis=-1)
    return fine.reshape(size, count, size, count, 3).mean(axis=(1, 3))


@pytest.mark.parametrize(
    "square",
    [
        (30.0, 20.0, 16.0),
        (30.3, 19.6, 16.0),
        (25.0, 20.0, 37.4),
        (30.0, 20.0, 9.5),
        (3.0, 38.0, 30),
    ],
)
def test_agrees_with_sampling_point_by_point(square):
    crop = crop_square(IMAGE, square, 16)
    assert crop.shape == (16, 16, 3)
    assert crop.dtype == np.uint8
    # cv2 interpolates between 32 places a pixel, which on noise makes some grey levels.
    difference = np.abs(crop - sampled(IMAGE, square, 16))
    assert difference.mean() < 1.5
    assert difference.max() < 10


def test_whole_pixels_are_copied():
    np.testing.assert_array_equal(crop_square(IMAGE, (30, 20, 20), 20), IMAGE[10:30, 20:40])


def test_an_even_shrinking_averages_blocks():
    blocks = IMAGE[4:36, 14:46].reshape(16, 2, 16, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(crop_square(IMAGE, (30, 20, 32), 16), blocks, atol=1)


def test_outside_of_the_frame_the_rim_is_repeated():
    crop = crop_square(IMAGE, (0, 20, 20), 20)
    np.testing.assert_array_equal(crop[:, :10], np.repeat(IMAGE[10:30, :1], 10, axis=1))
    np.testing.assert_array_equal(crop[:, 10:], IMAGE[10:30, :10])


@pytest.mark.parametrize(("side", "size"), [(0, 8), (8, 0)])
def test_sizes_are_checked(side, size):
    with pytest.raises(ValueError, match=f"> 0, got {size} and {side}"):
        crop_square(IMAGE, (10, 10, side), size)
