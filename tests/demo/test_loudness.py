import numpy as np
import pytest

from demo.loudness import level_out


@pytest.mark.parametrize("scale", [1e-4, 0.1, 30.0])
def test_level_and_crest_do_not_depend_on_what_comes_in(scale):
    waveform = np.random.default_rng(0).laplace(size=32_000).astype(np.float32)
    expected = level_out(waveform, np.random.default_rng(1))
    result = level_out(scale * waveform, np.random.default_rng(1))
    np.testing.assert_allclose(result, expected, atol=1e-4)
    level_db = 20 * np.log10(result.std())
    crest_db = 20 * np.log10(np.abs(result).max() / result.std())
    assert -28.1 < level_db < -17.9
    assert 10.9 < crest_db < 14.1
    assert result.dtype == np.float32


def test_a_smaller_crest_factor_is_left_alone():
    tone = np.sin(np.arange(16_000) * 0.1).astype(np.float32)
    result = level_out(tone, np.random.default_rng(0))
    np.testing.assert_allclose(result / result.std(), tone / tone.std(), atol=1e-4)


def test_silence_stays_silence():
    silence = np.zeros(100, np.float32)
    np.testing.assert_array_equal(level_out(silence, np.random.default_rng(0)), silence)
