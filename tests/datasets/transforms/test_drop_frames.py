import numpy as np
import pytest

from macbdf_mm.datasets.transforms import DropFrames


def shown(share, num_frames=200, valid=None):
    np.random.seed(0)
    images = [np.full((1, 1, 3), k, np.uint8) for k in range(num_frames)]
    valid = np.ones(num_frames, bool) if valid is None else valid
    results = DropFrames(share, 1.0)({"imgs": images, "video_valid": valid})
    return [int(image[0, 0, 0]) for image in results["imgs"]]


def test_lost_frames_show_the_last_one_that_arrived():
    numbers = shown((0.3, 0.3))
    lost = [k for k, number in enumerate(numbers) if number != k]
    assert 0.2 < len(lost) / 200 < 0.4
    assert all(numbers[k] == numbers[k - 1] for k in lost)
    assert shown((0.0, 0.0)) == list(range(200))
    assert shown((1.0, 1.0)) == [0] * 200


def test_frames_that_do_not_exist_stay():
    valid = np.array([True, True, False, False])
    assert shown((1.0, 1.0), 4, valid) == [0, 0, 2, 3]


def test_shares():
    with pytest.raises(ValueError, match=r"Expected `share` \(low, high\) with 0 <= low"):
        DropFrames((0.5, 1.5))
