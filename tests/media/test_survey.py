import numpy as np
import pytest

from macbdf_mm.media.frames import read_frames
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.survey import survey


def test_frames_are_those_that_are_read_one_by_one(make_clip):
    path = make_clip(seconds=2.0)
    times = np.arange(2, 7) * 0.2
    found = survey(path, times, 1.4, short_side=32)
    with MediaFile(path) as file:
        frames, valid = read_frames(file, times, short_side=32)
    np.testing.assert_array_equal(found.frames, frames)
    np.testing.assert_array_equal(found.valid, valid)
    # Every picture, also between the moments, and from the first of them to the end of the part.
    np.testing.assert_allclose(found.starts_seconds, np.arange(10, 35) * 0.04, atol=1e-6)
    assert found.small.shape == (25, 32, 32)
    assert found.num_damaged == 0


def test_behind_the_end_nothing_is_shown(make_clip):
    found = survey(make_clip(seconds=1.0), np.array([0.9, 1.1]), 1.3)
    assert found.valid.tolist() == [True, False]
    assert not found.frames[1].any()


def test_a_file_without_video_is_refused(make_clip):
    with pytest.raises(ValueError, match="has no video"):
        survey(make_clip("a.m4a", with_video=False), np.array([0.0]), 0.2)
