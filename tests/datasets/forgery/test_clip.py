import numpy as np
import pytest

from macbdf_mm.datasets.forgery.clip import Clip, frame_range, sample_range


@pytest.fixture
def clip():
    return Clip(np.zeros((50, 8, 8, 3), np.uint8), np.zeros(32_000, np.float32))


@pytest.mark.parametrize("start", range(0, 49, 7))
@pytest.mark.parametrize("length", [1, 13])
def test_times_on_the_grid_give_exactly_these_indices(clip, start, length):
    end = min(50, start + length)
    interval = (round(start / 25, 2), round(end / 25, 2))
    assert frame_range(clip, interval) == (start, end)
    assert sample_range(clip, interval) == (640 * start, 640 * end)


def test_intervals_are_half_open_and_cut_at_the_clips_end(clip):
    assert frame_range(clip, (0.01, 0.05)) == (1, 2)
    assert frame_range(clip, (1.9, 99.0)) == (48, 50)


def test_an_empty_interval_is_refused(clip):
    with pytest.raises(ValueError, match=r"to hold a frame, got \(0.01, 0.02\) for a clip of 2"):
        frame_range(clip, (0.01, 0.02))
    with pytest.raises(ValueError, match=r"to hold a sample, got \(3.0, 4.0\)"):
        sample_range(clip, (3.0, 4.0))
