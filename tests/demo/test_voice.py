from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import welch

from demo.articulation import CONTROL_RATE_HZ, Articulation
from demo.identity import draw_identity
from demo.voice import synthesise_voice


@pytest.fixture
def voice():
    steady = draw_identity(np.random.default_rng(5)).voice
    return replace(
        steady, pitch_hz=120.0, jitter=0.0, shimmer=0.0, breathiness=0.0, tract_scale=1.0
    )


def hold_vowel(first_hz, second_hz, seconds=1.0):
    num_steps = round(seconds * CONTROL_RATE_HZ)
    ones, zeros = np.ones(num_steps), np.zeros(num_steps)
    formants = np.tile([first_hz, second_hz, 2500.0, 3500.0], (num_steps, 1))
    return Articulation(ones, zeros, ones, ones, zeros, 4000 * ones, zeros, formants)


def test_length_type_and_level(voice):
    speech = synthesise_voice(hold_vowel(700, 1200), voice, np.random.default_rng(0))
    assert speech.shape == (16_000,)
    assert speech.dtype == np.float32
    assert speech.std() == pytest.approx(0.1, rel=1e-3)


def test_pitch_is_the_voices_own(voice):
    speech = synthesise_voice(hold_vowel(700, 1200), voice, np.random.default_rng(0))
    middle = speech[4000:12000] - speech[4000:12000].mean()
    lags = np.correlate(middle, middle, "full")[len(middle) - 1 :]
    period = 60 + np.argmax(lags[60:260])
    assert 16_000 / period == pytest.approx(120, rel=0.02)


@pytest.mark.parametrize(("first_hz", "second_hz"), [(300, 2300), (700, 1200)])
def test_energy_gathers_at_the_formants(voice, first_hz, second_hz):
    speech = synthesise_voice(hold_vowel(first_hz, second_hz), voice, np.random.default_rng(0))
    frequencies, power = welch(speech[2000:-2000], 16_000, nperseg=2048)

    def level(centre_hz):
        near = np.abs(frequencies - centre_hz) < 100
        return 10 * np.log10(power[near].mean())

    # A formant stands out from the valley between itself and the next.
    assert level(first_hz) > level((first_hz + second_hz) / 2) + 3
    assert level(second_hz) > level((second_hz + 2500) / 2 + 250) - 6


def test_changing_filter_is_an_ordinary_one_where_nothing_changes(voice):
    # Independent reference: one long FFT with the same response, away from the edges.
    from demo.voice import _filter_over_time

    rng = np.random.default_rng(0)
    signal = rng.standard_normal(8000)
    taps = np.array([0.5, 0.3, -0.2, 0.1])
    responses = np.tile(np.fft.rfft(taps, 640), (100, 1))
    filtered = _filter_over_time(signal, responses, 80)
    expected = np.convolve(signal, taps)[:8000]
    np.testing.assert_allclose(filtered[400:7400], expected[400:7400], atol=1e-9)
