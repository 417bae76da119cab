import numpy as np

from macbdf_mm.datasets.forgery.clip import Clip
from macbdf_mm.datasets.forgery.region_resample import region_resample


def test_the_region_is_held_while_the_rest_moves_on():
    frames = np.empty((40, 64, 64, 3), np.uint8)
    frames[:] = (3 * np.arange(40) + 60)[:, None, None, None]
    clip = Clip(frames, np.zeros(25_600, np.float32))
    forged = region_resample(clip, (0.0, 1.6), np.random.default_rng(0), strength=0.0)
    middle = forged[:, 30, 32].mean(axis=1)
    steps = np.flatnonzero(np.diff(middle))
    # The tone moves only when a new look is taken, every third frame or rarer.
    assert np.diff(steps).min() >= 3
    np.testing.assert_array_equal(forged[:, 0, 0], frames[:, 0, 0])
