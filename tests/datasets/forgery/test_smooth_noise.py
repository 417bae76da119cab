import numpy as np
import pytest

from macbdf_mm.datasets.forgery.smooth_noise import draw_smooth_noise


@pytest.mark.parametrize("smoothness", [0.0, 0.5, 2.0, 8.0])
def test_variance_is_about_one_at_any_smoothness(smoothness):
    curves = draw_smooth_noise(np.random.default_rng(0), 400, smoothness, 200)
    assert curves.shape == (200, 400)
    assert curves.dtype == np.float32
    # Below a step the discrete Gaussian hardly smooths: the formula is then off by a fifth.
    assert 0.7 < curves.std() < 1.3


def test_smoother_curves_change_less_from_step_to_step():
    rough, smooth = (draw_smooth_noise(np.random.default_rng(0), 500, s, 20) for s in (1.0, 10.0))
    assert np.abs(np.diff(smooth)).mean() < 0.3 * np.abs(np.diff(rough)).mean()
