import numpy as np
import pytest

from macbdf_mm.datasets.forgery.another_voice import another_voice
from macbdf_mm.datasets.forgery.clip import Clip


@pytest.fixture
def clip():
    times = np.arange(32_000) / 16_000
    tone = sum(np.sin(2 * np.pi * 150 * k * times) / k for k in range(1, 40))
    waveform = (0.1 * tone * (1 + np.sin(2 * np.pi * 3 * times))).astype(np.float32)
    return Clip(np.zeros((50, 4, 4, 3), np.uint8), waveform)


def pitch(waveform):
    lags = np.correlate(waveform[8000:16000], waveform[8000:16000], "full")[7999:]
    return 16_000 / (60 + np.argmax(lags[60:200]))


def test_pitch_changes_and_timing_stays(clip):
    for seed in range(3):
        forged = another_voice(clip, (0.0, 2.0), np.random.default_rng(seed), strength=0.3)
        assert 0.08 < abs(pitch(forged) / pitch(clip.waveform) - 1) < 0.35
        loudness = [np.square(s.reshape(-1, 640)).mean(axis=1) for s in (forged, clip.waveform)]
        assert np.corrcoef(*loudness)[0, 1] > 0.8


def test_an_interval_shorter_than_a_window_is_refused(clip):
    with pytest.raises(ValueError, match="more than 1024 samples, got 640"):
        another_voice(clip, (0.0, 0.04), np.random.default_rng(0))
