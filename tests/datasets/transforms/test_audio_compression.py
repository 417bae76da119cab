import numpy as np
import pytest

from macbdf_mm.datasets.transforms import AudioCompression
from macbdf_mm.datasets.transforms.audio_compression import through_aac


@pytest.fixture
def waveform(clip_clock):
    return clip_clock.sound(np.arange(20_000) / 16_000)


def test_sound_comes_back_at_its_time_and_worse_at_lower_rates(waveform):
    errors = []
    for bit_rate in (96_000, 48_000, 12_000):
        coded = through_aac(waveform, 16_000, bit_rate)
        assert (coded.shape, coded.dtype) == (waveform.shape, np.float32)
        errors.append(float(np.sqrt(np.mean((coded - waveform) ** 2))))
    # A delay of a few samples would make an error as large as the sound.
    assert errors[0] < 0.01 < 0.1 < errors[2]
    assert errors == sorted(errors)


def test_samples_that_do_not_exist_stay_zero(waveform):
    valid = np.arange(len(waveform)) < 15_000
    results = AudioCompression((12_000, 12_000), 1.0)(
        {"waveform": np.where(valid, waveform, 0), "audio_valid": valid, "sample_rate": 16_000}
    )
    assert not results["waveform"][15_000:].any()
    assert results["waveform"][:15_000].any()
    assert results["waveform"].dtype == np.float32


def test_bit_rates():
    with pytest.raises(ValueError, match=r"Expected `bit_rate` \(low, high\) with 4000 <= low"):
        AudioCompression((1_000, 8_000))
