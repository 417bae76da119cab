import numpy as np
import pytest
import torch

from macbdf_mm.datasets.forgery.phase_rebuilding import (
    magnitude_of,
    rebuild_phase,
    through_mel,
)


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
