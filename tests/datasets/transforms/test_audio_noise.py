import numpy as np
import pytest

from macbdf_mm.datasets.transforms import AudioNoise

SOUND = np.sin(np.arange(40_000) / 10).astype(np.float32) * np.float32(0.1)
VALID = np.arange(40_000) < 30_000


@pytest.fixture(autouse=True)
def _seed():
    np.random.seed(0)


@pytest.mark.parametrize("snr_db", [0.0, 20.0])
def test_noise_has_the_asked_ratio_and_spares_the_padding(snr_db):
    padded = np.where(VALID, SOUND, np.float32(0))
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
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        AudioNoise(**arguments)
