import io

import numpy as np
import pytest
from PIL import Image

from macbdf_mm.datasets.transforms import JPEGCompression
from macbdf_mm.datasets.transforms.jpeg_compression import through_jpeg


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
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        JPEGCompression(**arguments)
