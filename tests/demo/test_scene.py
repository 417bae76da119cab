from dataclasses import replace

import numpy as np
import pytest

from demo.scene import draw_scene, level_out, record_sound


@pytest.fixture
def scene():
    return draw_scene(np.random.default_rng(0))


def test_same_seed_gives_same_scene(scene):
    assert draw_scene(np.random.default_rng(0)) == scene


def test_recording_keeps_length_and_adds_the_noise_floor(scene):
    speech = np.zeros(16_000, np.float32)
    speech[4000:8000] = np.sin(np.arange(4000) * 0.2)
    # Without a tail, and a microphone that hears everything, what is left is the ambience.
    scene = replace(scene, reverberation_share=0.0, microphone_hz=1e5, ambience_db=-30.0)
    heard = record_sound(speech, scene, np.random.default_rng(1))
    assert heard.shape == speech.shape
    assert heard.dtype == np.float32
    floor_db = 20 * np.log10(heard[9000:].std() / speech.std())
    assert floor_db == pytest.approx(-30, abs=1)


def test_reverberation_rings_after_the_sound(scene):
    click = np.zeros(8000, np.float32)
    click[1000] = 1.0
    scene = replace(
        scene,
        reverberation_share=0.4,
        reverberation_seconds=0.2,
        ambience_db=-120,
        microphone_hz=1e5,
    )
    heard = record_sound(click, scene, np.random.default_rng(1))
    tail = np.sum(heard[1001:] ** 2)
    # 0.4 of the energy of the click, less what falls on the click itself.
    assert tail == pytest.approx(0.4, rel=0.1)
    assert np.abs(heard[:1000]).max() < 1e-4


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
