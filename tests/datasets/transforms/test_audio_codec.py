import numpy as np
import pytest

from macbdf_mm.datasets.transforms import AudioCodec
from macbdf_mm.datasets.transforms.audio_codec import through_lower_rate, through_mu_law

TIMES = np.arange(16_000) / 16_000


def tone(hz):
    return (0.5 * np.sin(2 * np.pi * hz * TIMES)).astype(np.float32)


def test_mu_law_error_is_relative_and_silence_stays():
    for level in (0.5, 0.05):
        sound = tone(440) * np.float32(2 * level)
        coded = through_mu_law(sound)
        # G.711 promises about 38 dB over a wide range of levels.
        ratio_db = 20 * np.log10(sound.std() / (coded - sound).std())
        assert 30 < ratio_db < 45
    assert not through_mu_law(np.zeros(10, np.float32)).any()


def test_mu_law_agrees_with_its_formula_on_its_own_levels():
    levels = np.arange(-127, 128) / 127
    values = np.sign(levels) * (256 ** np.abs(levels) - 1) / 255
    np.testing.assert_allclose(through_mu_law(values.astype(np.float32)), values, rtol=1e-4)


def test_lower_rate_removes_what_it_cannot_carry_and_keeps_time():
    inner = slice(500, -500)
    low = through_lower_rate(tone(1000), 16_000, 8_000)
    assert low.shape == TIMES.shape
    np.testing.assert_allclose(low[inner], tone(1000)[inner], atol=0.01)
    assert np.abs(through_lower_rate(tone(6000), 16_000, 8_000)[inner]).max() < 0.01


def test_choices_are_all_drawn():
    np.random.seed(0)
    transform = AudioCodec(probability=1.0)
    sound = tone(7000)
    drawn = {
        round(float(transform(dict(waveform=sound, sample_rate=16_000))["waveform"].std()), 2)
        for _ in range(40)
    }
    assert drawn <= {0.0, 0.01, 0.35}
    assert len(drawn) > 1
    kept = AudioCodec([48_000], mu_law=False, probability=1.0)
    assert kept(dict(waveform=sound, sample_rate=16_000))["waveform"] is sound


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(sample_rates=(), mu_law=False), "`sample_rates` or `mu_law`, got neither"),
        (dict(probability=2), r"`probability` in \[0, 1\], got 2"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        AudioCodec(**arguments)
