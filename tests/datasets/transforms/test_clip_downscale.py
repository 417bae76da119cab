import numpy as np
import pytest

from macbdf_mm.datasets.transforms import ClipDownscale


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


def test_nothing_at_times(talking_head):
    image = talking_head.frames[0]
    assert ClipDownscale(probability=0.0)(dict(imgs=[image]))["imgs"][0] is image


@pytest.mark.parametrize(
    ("arguments", "message"), [(dict(scale=(0, 1)), "`scale`"), (dict(probability=2), "`prob")]
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        ClipDownscale(**arguments)
