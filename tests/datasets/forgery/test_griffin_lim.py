import numpy as np
import pytest

from macbdf_mm.datasets.forgery.clip import Clip
from macbdf_mm.datasets.forgery.griffin_lim import griffin_lim
from macbdf_mm.datasets.forgery.sound_matching import stft


@pytest.fixture
def clip():
    # Harmonics of 200 Hz, loud and soft by turns.
    times = np.arange(32_000) / 16_000
    tone = sum(np.sin(2 * np.pi * 200 * k * times) for k in range(1, 30))
    waveform = (0.01 * tone * (1 + np.sin(2 * np.pi * 3 * times))).astype(np.float32)
    return Clip(np.zeros((50, 4, 4, 3), np.uint8), waveform)


def test_phase_is_lost_and_the_envelope_kept(clip):
    forged = griffin_lim(clip, (0.0, 2.0), np.random.default_rng(0), strength=0.5)
    assert abs(np.corrcoef(forged, clip.waveform)[0, 1]) < 0.4
    loudness = [np.square(sound.reshape(-1, 640)).mean(axis=1) for sound in (forged, clip.waveform)]
    assert np.corrcoef(*loudness)[0, 1] > 0.9


def test_a_coarse_mel_spectrogram_smears_the_upper_harmonics(clip):
    forged = griffin_lim(clip, (0.0, 2.0), np.random.default_rng(0), strength=1.0)

    def ripple(sound):
        level = 10 * np.log10(np.mean(np.abs(stft(sound)) ** 2, axis=1))
        return level[100:160].std()

    assert ripple(forged) < 0.6 * ripple(clip.waveform)


def test_an_interval_shorter_than_a_window_is_refused(clip):
    with pytest.raises(ValueError, match="more than 512 samples, got 320"):
        griffin_lim(clip, (0.0, 0.02), np.random.default_rng(0))
