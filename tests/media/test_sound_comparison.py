import numpy as np
import pytest
from scipy.signal import butter, correlate, sosfilt

from macbdf_mm.media.sound_comparison import compare_sounds, is_silent

RATE = 16_000


def speech_like(seed, seconds=2.0):
    rng = np.random.default_rng(seed)
    noise = sosfilt(butter(4, (150, 3000), "bandpass", fs=RATE, output="sos"), rng.normal(size=(
        round(seconds * RATE))))  # fmt: skip
    loudness = np.interp(np.arange(len(noise)), np.linspace(0, len(noise), 20), rng.random(20))
    return (0.3 * noise * loudness).astype(np.float32)


def shifted(waveform, lag):
    """Return the waveform, later by ``lag`` samples."""
    return np.concatenate([np.zeros(lag, np.float32), waveform]) if lag >= 0 else waveform[-lag:]


@pytest.mark.parametrize("lag", [0, 333, -1024, 7900])
@pytest.mark.parametrize("gain", [0.2, 1.0])
def test_the_same_sound_fits_however_loud_or_late_it_is(lag, gain):
    sound = speech_like(0)
    result = compare_sounds(sound, gain * shifted(sound, lag), RATE)
    assert result.correlation == pytest.approx(1.0, abs=1e-4)
    assert result.min_correlation == pytest.approx(1.0, abs=1e-4)
    assert result.lag_seconds == lag / RATE


def test_another_sound_does_not_fit():
    result = compare_sounds(speech_like(0), speech_like(1), RATE)
    assert abs(result.correlation) < 0.3
    assert result.min_correlation < 0.3


def test_one_replaced_word_shows_in_the_worst_half_second_only():
    sound, edited = speech_like(0, 6.0), speech_like(0, 6.0)
    edited[50_000:58_000] = speech_like(1, 0.5)
    result = compare_sounds(sound, edited, RATE)
    assert result.correlation > 0.85
    assert result.min_correlation < 0.3


def test_a_word_put_into_a_pause_is_heard():
    sound = speech_like(0, 4.0)
    sound[20_000:40_000] = 0
    edited = sound.copy()
    edited[24_000:34_000] = speech_like(1, 0.625)
    assert compare_sounds(sound, edited, RATE).min_correlation < 0.3


def test_noise_in_pauses_does_not_count():
    rng = np.random.default_rng(3)
    sound = speech_like(0, 4.0)
    sound[20_000:40_000] = 0
    noises = 0.003 * rng.normal(size=(2, len(sound))).astype(np.float32)
    assert compare_sounds(sound + noises[0], sound + noises[1], RATE).min_correlation > 0.95


def test_lag_and_correlation_are_those_of_scipy():
    a, b = speech_like(0), shifted(speech_like(0), 217) + speech_like(2)[:1].repeat(32_217)
    b = (b + 0.1 * np.random.default_rng(1).normal(size=len(b))).astype(np.float32)
    result = compare_sounds(a, b, RATE)
    products = correlate(b - b.mean(), a - a.mean(), mode="full")
    lags = np.arange(len(products)) - (len(a) - 1)
    near = abs(lags) <= RATE // 2
    lag = lags[near][np.argmax(products[near])]
    assert result.lag_seconds * RATE == lag
    expected = np.corrcoef(a, b[lag : lag + len(a)])[0, 1]
    assert result.correlation == pytest.approx(expected, abs=1e-6)


def test_silence():
    assert is_silent(np.zeros(100, np.float32))
    assert is_silent(np.zeros(0, np.float32))
    assert not is_silent(speech_like(0))
    with pytest.raises(ValueError, match="Expected sound in `second`, got 50 silent samples"):
        compare_sounds(speech_like(0), np.zeros(50, np.float32), RATE)
