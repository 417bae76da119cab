import numpy as np
import pytest

from demo.articulation import CONTROL_RATE_HZ, draw_articulation


@pytest.fixture
def articulation():
    return draw_articulation(np.random.default_rng(0), 3.0, 4.5)


def test_curves_share_one_length_and_range(articulation):
    num_steps = 3 * CONTROL_RATE_HZ
    assert articulation.duration_seconds == 3.0
    for name in ("aperture", "jaw", "voicing"):
        curve = getattr(articulation, name)
        assert curve.shape == (num_steps,)
        assert curve.min() >= 0
        assert curve.max() <= 1
    assert articulation.formants_hz.shape == (num_steps, 4)
    assert (np.diff(articulation.formants_hz, axis=1) > 0).all()


def test_begins_and_ends_in_silence_with_closed_lips(articulation):
    for edge in (0, -1):
        assert articulation.voicing[edge] < 0.01
        assert articulation.aperture[edge] < 0.05


def test_speaks_at_about_the_rate_asked_for():
    # Each syllable has one vowel: count the openings of the mouth.
    long = draw_articulation(np.random.default_rng(3), 30.0, 4.0)
    is_open = long.voicing > 0.2
    openings = np.count_nonzero(np.diff(is_open.astype(int)) == 1)
    # Pauses lower the rate; syllables that run together lower it further.
    assert 2.0 < openings / 30 < 4.4


def test_at_times_reads_the_middle_of_a_step(articulation):
    step = 100
    value = articulation.at_times(articulation.aperture, [(step + 0.5) / CONTROL_RATE_HZ])
    np.testing.assert_allclose(value, articulation.aperture[step])
