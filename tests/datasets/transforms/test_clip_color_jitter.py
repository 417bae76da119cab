import numpy as np
import pytest

from macbdf_mm.datasets.transforms import ClipColorJitter
from macbdf_mm.datasets.transforms.clip_color_jitter import jitter_colors

FRAMES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)


def test_factors_of_one_change_nothing():
    np.testing.assert_array_equal(jitter_colors(FRAMES, 1.0, 1.0, 1.0), FRAMES)


def test_brightness_multiplies():
    dark = FRAMES // 2
    assert np.abs(jitter_colors(dark, 1.5, 1.0, 1.0) - 1.5 * dark).max() <= 0.51


def test_no_contrast_leaves_the_mean_and_no_saturation_leaves_grey():
    flat = jitter_colors(FRAMES, 1.0, 0.0, 1.0)
    assert np.ptp(flat) == 0
    grey = jitter_colors(FRAMES, 1.0, 1.0, 0.0)
    assert np.ptp(grey, axis=-1).max() == 0


def test_all_frames_change_alike_and_never_overflow():
    transform = ClipColorJitter(1.0, 1.0, 1.0, probability=1.0)
    for seed in range(50):
        np.random.seed(seed)
        images = transform({"imgs": [FRAMES[0]] * 4})["imgs"]
        assert all(np.array_equal(image, images[0]) for image in images)
        assert images[0].dtype == np.uint8


def test_probability_zero_keeps_the_frames():
    images = list(FRAMES)
    assert ClipColorJitter(probability=0.0)({"imgs": images})["imgs"] is images


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "probability"])
def test_arguments_are_checked(name):
    with pytest.raises(ValueError, match=rf"`{name}` in \[0, 1\], got 1\.5"):
        ClipColorJitter(**{name: 1.5})
