from itertools import pairwise

import cv2
import numpy as np
import pytest

from macbdf_mm.media.cuts import find_cuts, picture_changes, shrink


def _shot(rng, count, motion=0, noise=1.0):
    """Pictures of one view, that may move by some pixels each."""
    view = cv2.resize(rng.integers(0, 255, (9, 12)).astype(np.float32), (96, 64))
    pictures = [np.roll(view, motion * index, axis=1) for index in range(count)]
    noisy = np.stack(pictures) + rng.normal(0, noise, (count, 64, 96))
    return noisy.clip(0, 255).astype(np.uint8)


def _cuts(*shots):
    return np.flatnonzero(find_cuts(picture_changes(shrink(np.concatenate(shots))))).tolist()


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_a_cut_is_where_another_view_begins(rng):
    assert _cuts(_shot(rng, 8), _shot(rng, 8), _shot(rng, 5)) == [7, 15]


def test_motion_is_no_cut_however_fast(rng):
    for motion in (1, 4, 10):
        assert _cuts(_shot(rng, 12, motion)) == []


def test_a_cut_between_moving_pictures_is_found(rng):
    assert _cuts(_shot(rng, 8, motion=1), _shot(rng, 8, motion=1)) == [7]


def test_a_flash_is_no_cut(rng):
    shot = _shot(rng, 12)
    shot[5] = 255
    assert _cuts(shot) == []


def test_a_picture_in_the_picture_may_change(rng):
    before, after = _shot(rng, 1)[0], _shot(rng, 1)[0]
    shot = np.repeat(before[None], 12, axis=0)
    shot[6:, :32, :48] = after[:32, :48]
    assert _cuts(shot) == []
    shot[6:, :48, :64] = after[:48, :64]
    assert _cuts(shot) == [5]


def test_a_change_is_a_cut_if_it_is_large_and_stands_alone():
    assert find_cuts([1.0, 1.0, 30.0, 2.0, 1.0]).tolist() == [False, False, True, False, False]
    # A jump where a part was put in; and motion that comes to a stop.
    assert not find_cuts([1.0, 1.0, 9.0, 2.0, 1.0]).any()
    assert not find_cuts([14.0, 8.0, 30.0, 1.0, 0.0]).any()
    assert find_cuts([]).shape == (0,)


def test_changes_are_those_of_a_loop(rng):
    pictures = rng.integers(0, 255, (4, 6, 5), dtype=np.uint8)
    expected = []
    for before, after in pairwise(pictures):
        levels = sorted(abs(int(a) - int(b)) for a, b in zip(before.flat, after.flat, strict=True))
        place = 2 / 3 * (len(levels) - 1)
        low, share = int(place), place % 1
        expected.append(levels[low] * (1 - share) + levels[low + 1] * share)
    np.testing.assert_allclose(picture_changes(pictures), expected)
    assert picture_changes(pictures[:1]).shape == (0,)


def test_pictures_shrink_by_averages():
    pictures = np.arange(2 * 64 * 100, dtype=np.int64).reshape(2, 64, 100) % 200
    small = shrink(pictures.astype(np.uint8))
    assert small.shape == (2, 32, 33)
    assert small[1, 3, 4] == round(pictures[1, 6:8, 12:15].mean())
    assert shrink(pictures[:, :20, :20].astype(np.uint8)).shape == (2, 20, 20)
