import numpy as np
import pytest

from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.media.measure import measure_file


def test_counts_and_rates_of_a_whole_file(make_clip):
    path = make_clip(seconds=2.0)
    found = measure_file(path)
    assert (found.num_frames, found.num_damaged_packets) == (50, 0)
    assert (found.num_bytes, found.pixel_format) == (path.stat().st_size, "yuv420p")
    assert found.video_seconds == pytest.approx(1.96)
    assert found.audio_seconds == pytest.approx(2.0, abs=0.07)
    assert found.info.duration_seconds == pytest.approx(2.0, abs=0.07)
    # The container adds its own bytes to those of the tracks.
    total = 8 * found.num_bytes / found.info.duration_seconds
    assert 0.5 * total < found.video_bit_rate + found.audio_bit_rate < total
    assert "mp4" in found.container_format


@pytest.mark.parametrize("level", [20, 128, 230])
def test_brightness(tmp_path, write_media, level):
    frames = np.full((20, 64, 64, 3), level, np.uint8)
    found = measure_file(write_media(tmp_path / "a.mp4", frames, np.arange(20) / 25))
    assert found.brightness == pytest.approx(level, abs=2)
    assert (found.loudness_db, found.peak, found.num_channels) == (None, None, None)


@pytest.mark.parametrize("amplitude", [0.01, 0.5])
def test_loudness_and_peak_are_those_of_a_sine(tmp_path, write_media, amplitude):
    sound = amplitude * np.sin(2 * np.pi * 400 * np.arange(32_000) / 16_000)
    path = write_media(
        tmp_path / "a.mov", sounds=[sound.astype(np.float32)], audio_codec="pcm_s16le"
    )
    found = measure_file(path)
    assert found.loudness_db == pytest.approx(20 * np.log10(amplitude / np.sqrt(2)), abs=0.05)
    assert found.peak == pytest.approx(amplitude, rel=0.01)
    assert (found.num_frames, found.brightness, found.video_seconds) == (0, None, None)
    assert found.leading_silence_seconds == 0.0


@pytest.mark.parametrize("silence", [0.0, 0.25, 1.3])
def test_leading_silence_may_hold_faint_noise(tmp_path, write_media, silence):
    rng = np.random.default_rng(0)
    sound = 1e-4 * rng.standard_normal(32_000)
    sound[round(silence * 16_000) :] += 0.3 * np.sin(np.arange(32_000 - round(silence * 16_000)))
    path = write_media(
        tmp_path / "a.mov", sounds=[sound.astype(np.float32)], audio_codec="pcm_s16le"
    )
    assert measure_file(path).leading_silence_seconds == pytest.approx(silence, abs=0.011)


def test_digital_silence_is_silent_all_along(make_clip):
    found = measure_file(make_clip("a.mov", silent=True, audio_codec="pcm_s16le"))
    assert (found.loudness_db, found.peak) == (-120.0, 0.0)
    assert found.leading_silence_seconds == pytest.approx(3.0, abs=0.02)


def test_sound_that_starts_late(make_clip):
    found = measure_file(make_clip(sound_start_seconds=0.5))
    assert found.audio_start_seconds == pytest.approx(0.5, abs=0.07)
    assert measure_file(make_clip("b.mp4", layout="stereo")).num_channels == 2


def test_no_further_than_asked(make_clip):
    path = make_clip(seconds=3.0)
    part = measure_file(path, max_seconds=1.0)
    assert part.num_frames == pytest.approx(25, abs=4)
    assert part.audio_seconds == pytest.approx(1.0, abs=0.1)
    assert part.info.duration_seconds == pytest.approx(3.0, abs=0.07)
    whole = measure_file(path)
    # The first second holds the headers of the stream too, but not three times as much.
    assert part.video_bit_rate < 1.5 * whole.video_bit_rate
    assert part.audio_bit_rate == pytest.approx(whole.audio_bit_rate, rel=0.2)


def test_damaged_packets_are_counted(make_clip):
    path = make_clip("a.m4a", with_video=False)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 300] = np.random.default_rng(0).bytes(300)
    path.write_bytes(content)
    found = measure_file(path)
    assert found.num_damaged_packets > 0
    assert found.audio_seconds == pytest.approx(3.0, abs=0.1)


def test_what_cannot_be_decoded_is_named(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"")
    with pytest.raises(UndecodableMediaError, match=r"a\.mp4 is empty"):
        measure_file(tmp_path / "a.mp4")


def test_the_limit_is_checked(make_clip):
    with pytest.raises(ValueError, match="`max_seconds` > 0 or None, got 0"):
        measure_file(make_clip(), max_seconds=0)


def test_brightness_is_that_of_the_whole_clip(tmp_path, write_media):
    levels = np.repeat([20, 220], 40).astype(np.uint8)
    frames = np.broadcast_to(levels[:, None, None, None], (80, 64, 64, 3))
    found = measure_file(write_media(tmp_path / "a.mp4", frames, np.arange(80) / 25))
    assert found.brightness == pytest.approx(120, abs=2)


def test_time_starts_with_the_first_frame(make_clip):
    found = measure_file(make_clip(frame_seconds=0.4 + np.arange(50) / 25))
    assert found.video_seconds == pytest.approx(1.96, abs=0.01)
    assert found.audio_start_seconds == pytest.approx(-0.4, abs=0.07)


def test_packets_that_decode_to_no_sound_are_damaged(tmp_path, write_media):
    sound = 0.5 * np.sin(np.arange(48_000) / 5).astype(np.float32)
    sound[16_000:17_000] = 3000.0
    found = measure_file(write_media(tmp_path / "a.wav", sounds=[sound], audio_codec="pcm_f32le"))
    assert found.num_damaged_packets in (1, 2)
    assert found.peak < 0.6
