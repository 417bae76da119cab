import numpy as np
import pytest

from macbdf_mm.datasets.transforms import ClipNoise

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
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        ClipNoise(**arguments)
