import numpy as np
import pytest

from macbdf_mm.datasets.forgery.clip import Clip
from macbdf_mm.datasets.forgery.regions import (
    elliptic_mask,
    face_boxes_of,
    lose_detail,
    match_colour,
    mouth_boxes_of,
    noise_level,
    paste,
    pixel_box,
)


@pytest.fixture
def clip():
    frames = np.random.default_rng(0).integers(0, 256, (5, 60, 80, 3), dtype=np.uint8)
    return Clip(frames, np.zeros(3200, np.float32))


def test_boxes_are_assumed_in_the_middle_where_none_are_given(clip):
    faces, mouths = face_boxes_of(clip), mouth_boxes_of(clip)
    assert faces.shape == mouths.shape == (5, 4)
    centres = (faces[:, :2] + faces[:, 2:]) / 2
    np.testing.assert_allclose(centres, np.tile([40, 29.4], (5, 1)), rtol=1e-5)
    assert (mouths[:, :2] > faces[:, :2]).all()
    assert (mouths[:, 2:] < faces[:, 2:]).all()


def test_given_boxes_are_used(clip):
    boxes = np.tile(np.float32([10, 10, 30, 40]), (5, 1))
    given = Clip(clip.frames, clip.waveform, face_boxes=boxes)
    assert face_boxes_of(given) is boxes
    assert (mouth_boxes_of(given)[:, 1] > 25).all()


@pytest.mark.parametrize(
    "box", [(-20, -20, 5, 5), (70, 50, 200, 200), (30, 30, 30, 30), (0, 0, 80, 60)]
)
def test_pixel_boxes_stay_in_the_frame_and_never_vanish(box):
    left, top, right, bottom = pixel_box(box, (60, 80, 3), grow=1.3)
    assert 0 <= left <= right - 4
    assert 0 <= top <= bottom - 4
    assert right <= 80
    assert bottom <= 60


def test_mask_is_one_inside_and_nothing_in_the_corners():
    mask = elliptic_mask(40, 30, 0.3)
    assert mask.shape == (40, 30, 1)
    assert mask[20, 15] == 1
    assert mask[[0, 0, -1, -1], [0, -1, 0, -1]].max() == 0


def test_detail_is_lost_and_the_mean_kept():
    patch = np.random.default_rng(0).uniform(0, 255, (40, 40, 3)).astype(np.float32)
    soft = lose_detail(patch, 3.0)
    assert soft.shape == patch.shape
    assert soft.std() < 0.5 * patch.std()
    np.testing.assert_allclose(soft.mean(axis=(0, 1)), patch.mean(axis=(0, 1)), atol=3)


def test_colour_matches_in_full_at_share_one():
    rng = np.random.default_rng(0)
    patch = rng.normal(100, 20, (30, 30, 3))
    target = rng.normal([60, 150, 200], [15, 20, 30], (20, 25, 3))
    matched = match_colour(patch, target, share=1.0)
    np.testing.assert_allclose(matched.mean(axis=(0, 1)), target.mean(axis=(0, 1)))
    np.testing.assert_allclose(matched.std(axis=(0, 1)), target.std(axis=(0, 1)))


@pytest.mark.parametrize("level", [1.5, 4.0])
def test_noise_level_is_found_on_a_slope(level):
    slope = np.linspace(60, 190, 128)[None, :, None] * np.ones((128, 1, 3))
    noisy = slope + np.random.default_rng(0).normal(0, level, slope.shape)
    assert noise_level(noisy.round().astype(np.uint8)) == pytest.approx(level, rel=0.12)


def test_paste_follows_the_mask(clip):
    frame = clip.frames[0].copy()
    mask = np.zeros((10, 10, 1), np.float32)
    mask[:5] = 1
    patch = np.full((10, 10, 3), 77.0, np.float32)
    paste(frame, (20, 20, 30, 30), patch, mask, 0.0, np.random.default_rng(0))
    assert (frame[20:25, 20:30] == 77).all()
    expected = clip.frames[0].copy()
    expected[20:25, 20:30] = 77
    np.testing.assert_array_equal(frame, expected)
