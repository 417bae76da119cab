import numpy as np
import pytest

from macbdf_mm.prepare.faces.smooth_boxes import smooth_boxes


def test_agrees_with_weighted_fits_of_numpy():
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.1, 0.4, 30))
    boxes = rng.uniform(0, 1, (30, 4))
    scale = 0.25
    expected = np.empty_like(boxes)
    for index, moment in enumerate(times):
        # polyfit squares its weights.
        weights = np.exp(-0.25 * ((times - moment) / scale) ** 2)
        for column in range(4):
            expected[index, column] = np.polyfit(times - moment, boxes[:, column], 1, w=weights)[1]
    # Neighbours beyond 5.5 deviations are left out: less than a millionth each.
    np.testing.assert_allclose(smooth_boxes(times, boxes, scale), expected, atol=1e-5)


def test_steady_motion_is_kept_to_the_ends_and_over_gaps():
    times = np.array([0.0, 0.2, 0.4, 0.6, 1.4, 1.6, 1.8])
    boxes = np.outer(times, [1.0, -2.0, 0.5, 3.0]) + 7.0
    np.testing.assert_allclose(smooth_boxes(times, boxes, 0.2), boxes, atol=1e-9)


def test_trembling_is_reduced():
    rng = np.random.default_rng(1)
    times = np.arange(100) * 0.2
    noise = rng.standard_normal((100, 4))
    assert smooth_boxes(times, noise, 0.2).std() < 0.7 * noise.std()


def test_what_stands_alone_stays():
    times, boxes = np.array([0.0, 100.0, 200.0]), np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(smooth_boxes(times, boxes, 0.2), boxes)
    np.testing.assert_array_equal(smooth_boxes(times[:2], boxes[:2], 500.0), boxes[:2])
    np.testing.assert_array_equal(smooth_boxes(times, boxes, 0.0), boxes)


def test_scale_is_checked():
    with pytest.raises(ValueError, match="`scale_seconds` >= 0, got -1"):
        smooth_boxes(np.zeros(3), np.zeros((3, 4)), -1)
