import cv2
import numpy as np
import pytest

from macbdf_mm.media.picture_comparison import compare_pictures


def pictures(num=4, height=128, width=160):
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 216, (num, 8, 10, 3), dtype=np.uint8)
    return np.stack([cv2.resize(image, (width, height)) for image in coarse])


def test_equal_pictures_do_not_differ():
    assert compare_pictures(pictures(), pictures()) == 0


def test_a_patch_of_another_brightness_is_measured_in_grey_levels():
    first = np.full((3, 128, 160, 3), 100, np.uint8)
    second = first.copy()
    second[:, 40:80, 40:80] += 12
    assert compare_pictures(first, second) == pytest.approx(12, abs=0.01)


def test_neither_brightness_nor_fine_noise_counts():
    rng = np.random.default_rng(1)
    first = pictures()
    noise = rng.integers(-6, 7, first.shape)
    noisy = (first.astype(int) + 10 + noise).clip(0, 255).astype(np.uint8)
    assert compare_pictures(first, noisy) < 1.0


@pytest.mark.parametrize(("num_changed", "counts"), [(4, True), (1, False)])
def test_a_face_swapped_in_half_of_the_pictures_counts_one_damaged_picture_does_not(
    num_changed, counts
):
    first = pictures(8)
    second = first.copy()
    second[:num_changed, 40:80, 40:80] = 255 - second[:num_changed, 40:80, 40:80]
    assert (compare_pictures(first, second) > 20) == counts


def test_another_size_is_resized():
    first = pictures()
    smaller = np.stack([cv2.resize(p, (80, 64), interpolation=cv2.INTER_AREA) for p in first])
    assert compare_pictures(smaller, first) < 2


def test_another_shape_cannot_be_compared():
    assert compare_pictures(pictures(), np.rot90(pictures(), axes=(1, 2))) is None


def test_numbers_must_fit():
    with pytest.raises(ValueError, match="as many pictures in `first` as in `second`, got 4 and 3"):
        compare_pictures(pictures(), pictures(3))
    with pytest.raises(ValueError, match="got 0 and 0"):
        compare_pictures(pictures()[:0], pictures()[:0])
