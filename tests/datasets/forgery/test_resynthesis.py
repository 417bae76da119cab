import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from macbdf_mm.datasets.forgery import resynthesis
from macbdf_mm.datasets.forgery.clip import Clip
from macbdf_mm.datasets.forgery.resynthesis import (
    _stretch,
    another_voice,
    griffin_lim,
    magnitude_of,
    rebuild_phase,
    through_mel,
)
from macbdf_mm.datasets.forgery.sound_matching import stft


@pytest.fixture
def chirp():
    times = np.arange(16_000) / 16_000
    return (0.3 * np.sin(2 * np.pi * (200 + 400 * times) * times)).astype(np.float32)


def test_many_iterations_come_back_to_the_magnitude(chirp):
    magnitude = magnitude_of(chirp, 512, 128)
    few, many = (
        rebuild_phase(magnitude, len(chirp), n, 128, np.random.default_rng(0)) for n in (1, 60)
    )
    assert many.shape == chirp.shape

    def error(waveform):
        difference = magnitude_of(waveform, 512, 128) - magnitude
        return np.linalg.norm(difference) / np.linalg.norm(magnitude)

    assert error(many) < 0.2
    assert error(many) < 0.6 * error(few)


def test_the_callers_torch_generator_is_left_alone(chirp):
    magnitude = magnitude_of(chirp, 512, 128)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    rebuild_phase(magnitude, len(chirp), 2, 128, np.random.default_rng(0))
    torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)


def test_magnitude_is_numpys(chirp):
    frame = magnitude_of(chirp, 512, 160)[:, 20]
    window = np.hanning(513)[:-1]
    expected = np.abs(np.fft.rfft(chirp[20 * 160 - 256 : 20 * 160 + 256] * window))
    np.testing.assert_allclose(frame, expected, atol=1e-3)


@pytest.mark.parametrize("num_mels", [28, 40, 80])
def test_mel_keeps_what_is_smooth_and_loses_what_is_not(num_mels):
    flat = np.full((257, 4), 0.5, np.float32)
    np.testing.assert_allclose(through_mel(flat, num_mels, 16_000)[2:-1], 0.5, rtol=0.01)
    comb = np.zeros((257, 4), np.float32)
    comb[100::8] = 1.0
    rebuilt = through_mel(comb, num_mels, 16_000)
    assert rebuilt[200:].std() < 0.5 * comb[200:].std()


@pytest.fixture
def tone_by_turns():
    # Harmonics of 200 Hz, loud and soft by turns.
    times = np.arange(32_000) / 16_000
    tone = sum(np.sin(2 * np.pi * 200 * k * times) for k in range(1, 30))
    waveform = (0.01 * tone * (1 + np.sin(2 * np.pi * 3 * times))).astype(np.float32)
    return Clip(np.zeros((50, 4, 4, 3), np.uint8), waveform)


def test_phase_is_lost_and_the_envelope_kept(tone_by_turns):
    forged = griffin_lim(tone_by_turns, (0.0, 2.0), np.random.default_rng(0), strength=0.5)
    assert abs(np.corrcoef(forged, tone_by_turns.waveform)[0, 1]) < 0.4
    loudness = [
        np.square(sound.reshape(-1, 640)).mean(axis=1) for sound in (forged, tone_by_turns.waveform)
    ]
    assert np.corrcoef(*loudness)[0, 1] > 0.9


def test_a_coarse_mel_spectrogram_smears_the_upper_harmonics(tone_by_turns):
    forged = griffin_lim(tone_by_turns, (0.0, 2.0), np.random.default_rng(0), strength=1.0)

    def ripple(sound):
        level = 10 * np.log10(np.mean(np.abs(stft(sound)) ** 2, axis=1))
        return level[100:160].std()

    assert ripple(forged) < 0.6 * ripple(tone_by_turns.waveform)


@pytest.fixture
def harmonic_tone():
    times = np.arange(32_000) / 16_000
    tone = sum(np.sin(2 * np.pi * 150 * k * times) / k for k in range(1, 40))
    waveform = (0.1 * tone * (1 + np.sin(2 * np.pi * 3 * times))).astype(np.float32)
    return Clip(np.zeros((50, 4, 4, 3), np.uint8), waveform)


def pitch(waveform):
    lags = np.correlate(waveform[8000:16000], waveform[8000:16000], "full")[7999:]
    return 16_000 / (60 + np.argmax(lags[60:200]))


def test_pitch_changes_and_timing_stays(harmonic_tone):
    for seed in range(3):
        forged = another_voice(harmonic_tone, (0.0, 2.0), np.random.default_rng(seed), strength=0.3)
        assert 0.08 < abs(pitch(forged) / pitch(harmonic_tone.waveform) - 1) < 0.35
        loudness = [
            np.square(s.reshape(-1, 640)).mean(axis=1) for s in (forged, harmonic_tone.waveform)
        ]
        assert np.corrcoef(*loudness)[0, 1] > 0.8


@pytest.mark.parametrize(
    ("operator", "end", "message"),
    [
        (griffin_lim, 0.02, "more than 512 samples, got 320"),
        (another_voice, 0.04, "more than 1024 samples, got 640"),
    ],
)
def test_an_interval_shorter_than_a_window_is_refused(harmonic_tone, operator, end, message):
    with pytest.raises(ValueError, match=message):
        operator(harmonic_tone, (0.0, end), np.random.default_rng(0))


def test_the_vocal_tract_changes_half_as_much_as_the_pitch(monkeypatch):
    # Before the mean spectrum is matched, which hides it in a sound that does not change.
    monkeypatch.setattr(resynthesis, "replace_matched", lambda waveform, forged, *_: forged)
    pulses = np.zeros(32_000)
    pulses[::107] = 1.0
    angle = 2 * np.pi * 1500 / 16_000
    voice = lfilter([0.05], [1.0, -2 * 0.97 * np.cos(angle), 0.97**2], pulses)
    clip = Clip(np.zeros((50, 4, 4, 3), np.uint8), voice.astype(np.float32))

    def resonance(waveform):
        power = np.abs(np.fft.rfft(waveform[4000:28_000] * np.hanning(24_000))) ** 2
        frequencies = np.fft.rfftfreq(24_000, 1 / 16_000)
        near = (frequencies > 700) & (frequencies < 2600)
        return np.sum(frequencies[near] * power[near]) / power[near].sum()

    for seed in range(4):
        forged = another_voice(clip, (0.0, 2.0), np.random.default_rng(seed), strength=0.0)
        tract = resonance(forged) / resonance(clip.waveform) - 1
        assert 0.25 < tract / (pitch(forged) / pitch(clip.waveform) - 1) < 0.8


def test_past_its_top_a_compressed_spectrum_is_mirrored():
    spectrum = np.linspace(1.0, 2.0, 101)[:, None]
    compressed = _stretch(spectrum, 0.8)[:, 0]
    frequencies = np.arange(101) / 0.8
    expected = 1 + np.where(frequencies > 100, 200 - frequencies, frequencies) / 100
    np.testing.assert_allclose(compressed, expected)
