import numpy as np
import pytest

from macbdf_mm.datasets.forgery.clip import Clip
from macbdf_mm.datasets.forgery.dubbing import change_speed, dubbing


@pytest.mark.parametrize("speed", [0.7, 1.0, 1.35])
def test_speed_changes_and_pitch_does_not(speed):
    tone = np.sin(2 * np.pi * 437.5 * np.arange(48_000) / 16_000)
    tone[24_000:] = 0.0
    length = round(48_000 / speed)
    changed = change_speed(tone, speed, length)
    assert changed.shape == (length,)
    sounding = np.flatnonzero(np.abs(changed) > 0.1)
    # The window of 512 samples blurs the end of the tone.
    assert sounding[-1] == pytest.approx(24_000 / speed, abs=600)
    spectrum = np.abs(np.fft.rfft(changed[2000 : 2000 + 8192] * np.hanning(8192)))
    assert np.argmax(spectrum) * 16_000 / 8192 == pytest.approx(437.5, abs=4)


def test_the_donors_words_are_heard():
    frames = np.zeros((50, 4, 4, 3), np.uint8)
    beat = np.arange(32_000) / 16_000
    voice = np.random.default_rng(0).standard_normal(32_000)
    own, other = (
        (0.1 * voice * (np.sin(2 * np.pi * rate * beat) > 0)).astype(np.float32) for rate in (2, 5)
    )
    forged = dubbing(
        Clip(frames, own), (0.0, 2.0), np.random.default_rng(0), 0.0, Clip(frames, other)
    )
    envelope = np.abs(forged).reshape(-1, 160).mean(axis=1)
    rates = np.abs(np.fft.rfft(envelope - envelope.mean()))
    # 5 bursts a second, at a speed changed by 12 to 20 %.
    assert 4.0 <= np.argmax(rates) / 2 <= 6.1
