import numpy as np
import pytest
from scipy.signal import lfilter, welch

from macbdf_mm.datasets.forgery.sound_matching import (
    istft,
    match_loudness,
    match_spectrum,
    replace_matched,
    replace_stretch,
    stft,
)


def noise(seed, num_samples=32_000):
    return 0.1 * np.random.default_rng(seed).standard_normal(num_samples)


@pytest.mark.parametrize("length", [600, 5001, 16_000])
def test_istft_undoes_stft(length):
    waveform = noise(0, length)
    np.testing.assert_allclose(istft(stft(waveform), length), waveform, atol=1e-12)


def test_loudness_is_the_references():
    loud = match_loudness(noise(0), 3 * noise(1))
    assert loud.std() == pytest.approx(0.3, rel=0.02)


def test_spectrum_comes_close_to_the_references():
    forged, reference = lfilter([1], [1, -0.8], noise(0)), lfilter([1], [1, 0.3], noise(1))
    matched = match_spectrum(forged, reference, 16_000)
    levels = [10 * np.log10(welch(sound, nperseg=256)[1][4:-4]) for sound in (matched, reference)]
    # Before, the two differ by up to 18 dB.
    assert np.abs(levels[0] - levels[1]).max() < 3


def test_stretch_is_replaced_with_fades_inside_it():
    waveform, forged = np.zeros(1000), np.ones(200)
    result = replace_stretch(waveform, forged, 300, fade_samples=50)
    assert (result[:300] == 0).all()
    assert (result[500:] == 0).all()
    assert (result[350:450] == 1).all()
    assert (np.diff(result[300:350]) > 0).all()
    np.testing.assert_allclose(result[300:500], result[300:500][::-1])


def test_replaced_samples_stay_in_range():
    assert replace_stretch(np.zeros(10), np.full(10, 7.0), 0, 0).max() == 1.0


def test_what_is_put_in_has_loudness_and_spectrum_of_what_it_replaces():
    waveform = lfilter([1], [1, 0.3], noise(1, 48_000))
    forged = 0.5 * lfilter([1], [1, -0.8], noise(0))
    result = replace_matched(waveform, forged, 8000, 16_000)
    np.testing.assert_array_equal(result[:8000], waveform[:8000])
    np.testing.assert_array_equal(result[40_000:], waveform[40_000:])
    matched, original = result[8000:40_000], waveform[8000:40_000]
    assert matched.std() == pytest.approx(original.std(), rel=0.02)
    levels = [10 * np.log10(welch(sound, nperseg=256)[1][4:-4]) for sound in (matched, original)]
    assert np.abs(levels[0] - levels[1]).max() < 3
