import numpy as np
import pytest

from macbdf_mm.datasets.transforms import AudioGain

SOUND = np.sin(np.arange(1000) / 10).astype(np.float32) * np.float32(0.1)


def test_gain_is_in_decibels():
    louder = AudioGain(6.0, 6.0, probability=1.0)({"waveform": SOUND})["waveform"]
    np.testing.assert_allclose(louder, SOUND * 10 ** (6 / 20), rtol=1e-5)
    assert louder.dtype == np.float32


def test_loud_sound_is_clipped():
    assert AudioGain(40, 40, 1.0)({"waveform": SOUND})["waveform"].max() == 1.0


def test_draws_lie_in_the_range():
    np.random.seed(0)
    transform = AudioGain(-12, 6, 1.0)
    gains = [transform({"waveform": SOUND})["waveform"][5] / SOUND[5] for _ in range(200)]
    decibels = 20 * np.log10(gains)
    assert -12 <= decibels.min() < -10
    assert 4 < decibels.max() <= 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(min_db=1, max_db=0), "`min_db` <= `max_db`, got 1 and 0"),
        (dict(probability=-1), r"`probability` in \[0, 1\], got -1"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        AudioGain(**arguments)
