import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from macbdf_mm.datasets.transforms import (
    ClipBlur,
    ClipColorJitter,
    ClipDownscale,
    ClipNoise,
    JPEGCompression,
)
from macbdf_mm.datasets.transforms.picture_quality import jitter_colors, through_jpeg


def test_agrees_with_scipy():
    image = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    results = ClipBlur((1.5, 1.5), probability=1.0)(dict(imgs=[image, image]))
    expected = gaussian_filter(image.astype(float), (1.5, 1.5, 0), mode="mirror", truncate=4)
    # cv2 rounds its kernel to 8 bits for such pictures.
    np.testing.assert_allclose(results["imgs"][0], expected, atol=2.5)
    np.testing.assert_array_equal(*results["imgs"])


def test_the_width_is_drawn(talking_head):
    image = talking_head.frames[0]
    seen = set()
    for seed in range(5):
        np.random.seed(seed)
        results = ClipBlur((0.5, 3.0), probability=1.0)(dict(imgs=[image]))
        seen.add(round(float(results["imgs"][0].std()), 3))
    assert len(seen) > 3
    assert ClipBlur(probability=0.0)(dict(imgs=[image]))["imgs"][0] is image


@pytest.mark.parametrize(
    ("arguments", "message"), [(dict(sigma=(0, 1)), "`sigma`"), (dict(probability=2), "`prob")]
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        ClipBlur(**arguments)


GREY = np.full((64, 64, 3), 128, np.uint8)


def test_level_and_freshness():
    np.random.seed(0)
    results = dict(imgs=[GREY] * 4, video_valid=np.ones(4, bool))
    images = np.stack(ClipNoise((5, 5), probability=1.0)(results)["imgs"]).astype(float)
    assert images.dtype == float
    assert np.abs(images.mean() - 128) < 0.2
    # Rounding to whole levels adds a variance of 1/12.
    assert images.std() == pytest.approx(np.sqrt(25 + 1 / 12), rel=0.02)
    assert abs(np.corrcoef(images[0].ravel(), images[1].ravel())[0, 1]) < 0.05


def test_missing_frames_stay_black_and_values_stay_in_range():
    np.random.seed(0)
    white = np.full((8, 8, 3), 255, np.uint8)
    results = dict(imgs=[white, np.zeros_like(white)], video_valid=np.array([True, False]))
    images = ClipNoise((50, 50), probability=1.0)(results)["imgs"]
    assert images[0].dtype == np.uint8
    assert images[0].max() == 255
    assert images[0].min() > 20
    assert not images[1].any()


def test_nothing_at_times():
    results = dict(imgs=[GREY], video_valid=np.ones(1, bool))
    assert ClipNoise(probability=0.0)(results)["imgs"][0] is GREY


@pytest.mark.parametrize(
    ("arguments", "message"), [(dict(std=(-1, 1)), "`std`"), (dict(probability=2), "`prob")]
)
def test_arguments_are_checked_of_clip_noise(arguments, message):
    with pytest.raises(ValueError, match=message):
        ClipNoise(**arguments)


def draw(image, seed, scale=(0.25, 0.25)):
    np.random.seed(seed)
    return ClipDownscale(scale, probability=1.0)(dict(imgs=[image, image]))["imgs"]


def test_size_stays_and_detail_goes():
    noise = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    one, other = draw(noise, 0)
    assert one.shape == noise.shape
    np.testing.assert_array_equal(one, other)
    # Means of 4 x 4 pixels have a quarter of the deviation; enlarging smooths some more.
    assert one.std() < 0.3 * noise.std()
    assert abs(one.mean() - noise.mean()) < 2


def test_nearest_enlarging_is_one_of_the_ways_and_repeats_block_means():
    noise = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    means = noise.reshape(16, 4, 12, 4, 3).mean(axis=(1, 3))
    blocks = np.repeat(np.repeat(np.rint(means), 4, axis=0), 4, axis=1)
    gaps = [np.abs(draw(noise, seed)[0] - blocks).max() for seed in range(12)]
    assert min(gaps) <= 1
    assert max(gaps) > 10


def test_nothing_at_times_of_clip_downscale(talking_head):
    image = talking_head.frames[0]
    assert ClipDownscale(probability=0.0)(dict(imgs=[image]))["imgs"][0] is image


@pytest.mark.parametrize(
    ("arguments", "message"), [(dict(scale=(0, 1)), "`scale`"), (dict(probability=2), "`prob")]
)
def test_arguments_are_checked_of_clip_downscale(arguments, message):
    with pytest.raises(ValueError, match=message):
        ClipDownscale(**arguments)


def test_agrees_with_pillow(talking_head):
    image = talking_head.frames[0]
    for quality in (20, 60, 95):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=quality)
        theirs = np.asarray(Image.open(buffer)).astype(int)
        ours = through_jpeg(image, quality)
        # Both wrap libjpeg; versions differ in rounding and in how colour is enlarged.
        assert np.abs(ours - theirs).mean() < 2
        wrong_channels = np.abs(ours[..., ::-1] - theirs).mean()
        assert wrong_channels > 2 * np.abs(ours - theirs).mean()


def test_lower_quality_loses_more(talking_head):
    image = talking_head.frames[0]
    losses = [np.abs(through_jpeg(image, q).astype(int) - image).mean() for q in (95, 50, 10)]
    assert losses == sorted(losses)


def test_one_quality_for_a_clip_and_none_at_times(talking_head):
    np.random.seed(0)
    image = talking_head.frames[0]
    results = JPEGCompression((10, 90), probability=1.0)(dict(imgs=[image, image]))
    np.testing.assert_array_equal(*results["imgs"])
    assert (results["imgs"][0] != image).any()
    kept = JPEGCompression(probability=0.0)(dict(imgs=[image]))
    assert kept["imgs"][0] is image


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(quality=(0, 50)), r"`quality` \(low, high\) with 1 <= .* got \(0, 50\)"),
        (dict(probability=-1), "`probability`"),
    ],
)
def test_arguments_are_checked_of_jpeg_compression(arguments, message):
    with pytest.raises(ValueError, match=message):
        JPEGCompression(**arguments)


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
def test_arguments_are_checked_of_clip_color_jitter(name):
    with pytest.raises(ValueError, match=rf"`{name}` in \[0, 1\], got 1\.5"):
        ClipColorJitter(**{name: 1.5})
