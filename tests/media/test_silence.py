import numpy as np
import pytest

from macbdf_mm.media.silence import find_sound, sounding_part


def test_the_sound_of_a_file_begins_and_ends(make_clip, write_media, clip_clock, tmp_path):
    sound = np.zeros(3 * 16_000, np.float32)
    sound[8_000:32_000] = clip_clock.sound(np.arange(24_000) / 16_000)
    frames = [clip_clock.frame(k) for k in range(75)]
    path = write_media(tmp_path / "a.mp4", frames, np.arange(75) / 25, [sound])
    assert find_sound(path) == pytest.approx((0.5, 2.0), abs=0.03)
    assert find_sound(make_clip("mute.mp4", with_sound=False)) is None
    assert find_sound(make_clip("silent.mp4", silent=True)) is None


def test_what_is_forty_decibels_below_the_loudest_is_silence():
    loud = np.full(80, 1.0, np.float32)
    waveform = np.concatenate([loud * 0.006, loud, loud * 0.5, loud * 0.02, loud[:40] * 0.005])
    assert sounding_part(waveform, 8_000) == (0.01, 0.04)
    assert sounding_part(waveform[:120], 8_000) == (0.01, 0.015)
    assert sounding_part(np.zeros(100, np.float32), 8_000) is None
    assert sounding_part(np.zeros(0, np.float32), 8_000) is None
