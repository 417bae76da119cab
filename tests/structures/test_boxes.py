import numpy as np
import pytest

from macbdf_mm.structures.boxes import box_areas, intersection_over_union, squares_around


def draw_boxes(rng, count):
    corners = rng.integers(0, 30, (count, 2))
    return np.concatenate([corners, corners + rng.integers(1, 20, (count, 2))], axis=1)


def count_pixels(box, size=60):
    mask = np.zeros((size, size), bool)
    left, top, right, bottom = box
    mask[top:bottom, left:right] = True
    return mask


def test_overlap_agrees_with_counting_pixels():
    rng = np.random.default_rng(0)
    first, second = draw_boxes(rng, 8), draw_boxes(rng, 5)
    found = intersection_over_union(first, second)
    assert found.shape == (8, 5)
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            one, other = count_pixels(a), count_pixels(b)
            assert found[i, j] == pytest.approx((one & other).sum() / (one | other).sum())


def test_areas():
    np.testing.assert_allclose(box_areas([[1, 2, 4, 8], [0, 0, 0.5, 0.5]]), [18, 0.25])


def test_a_square_is_centred_on_its_box_and_as_long_as_its_longer_side():
    squares = squares_around([[0.25, 0.5, 0.75, 1.0], [0.9, 0.0, 1.1, 0.1]], (100, 200), 1.5)
    np.testing.assert_allclose(squares, [[100, 75, 150], [200, 5, 60]])


def test_margin_is_checked():
    with pytest.raises(ValueError, match="`margin` > 0, got 0"):
        squares_around([[0, 0, 1, 1]], (10, 10), 0)
