import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from macbdf_mm.datasets.transforms import ClipBlur


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
