import numpy as np
import pytest

from macbdf_mm.datasets.transforms import AudioCodec, AudioGain, AudioNoise
from macbdf_mm.datasets.transforms.sound_quality import through_lower_rate, through_mu_law

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


SOUND_OF_AUDIO_NOISE = np.sin(np.arange(40_000) / 10).astype(np.float32) * np.float32(0.1)
VALID = np.arange(40_000) < 30_000


@pytest.fixture(autouse=True)
def _seed():
    np.random.seed(0)


@pytest.mark.parametrize("snr_db", [0.0, 20.0])
def test_noise_has_the_asked_ratio_and_spares_the_padding(snr_db):
    padded = np.where(VALID, SOUND_OF_AUDIO_NOISE, np.float32(0))
    results = dict(waveform=padded, audio_valid=VALID)
    noise = AudioNoise(snr_db, snr_db, 1.0)(results)["waveform"] - padded
    measured = 20 * np.log10(padded[VALID].std() / noise[VALID].std())
    assert measured == pytest.approx(snr_db, abs=0.2)
    assert not noise[~VALID].any()


def test_missing_and_silent_sound_stay_as_they_are():
    silent = np.zeros(100, np.float32)
    for valid in (np.zeros(100, bool), np.ones(100, bool)):
        results = AudioNoise(probability=1.0)(dict(waveform=silent, audio_valid=valid))
        assert not results["waveform"].any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(min_snr_db=50), r"`min_snr_db` <= `max_snr_db`, got 50 and 40\.0"),
        (dict(probability=2), r"`probability` in \[0, 1\], got 2"),
    ],
)
def test_arguments_are_checked_of_audio_noise(arguments, message):
    with pytest.raises(ValueError, match=message):
        AudioNoise(**arguments)


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
def test_arguments_are_checked_of_audio_codec(arguments, message):
    with pytest.raises(ValueError, match=message):
        AudioCodec(**arguments)
