import av
import numpy as np
import pytest
from scipy.signal import resample_poly

from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.sound import MonoMixer, is_plausible, read_waveform, resample


def sound(rate, seconds=1.0):
    times = np.arange(round(rate * seconds)) / rate
    return (0.5 * np.sin(2 * np.pi * (300 * times + 500 * times**2))).astype(np.float32)


@pytest.mark.parametrize(
    ("from_hz", "to_hz"), [(44_100, 16_000), (8_000, 16_000), (48_000, 16_000), (16_000, 11_025)]
)
def test_agrees_with_scipy_without_delay(from_hz, to_hz):
    ours = resample(sound(from_hz), from_hz, to_hz)
    gcd = np.gcd(from_hz, to_hz)
    theirs = resample_poly(sound(from_hz).astype(float), to_hz // gcd, from_hz // gcd)
    inner = slice(400, len(ours) - 400)
    # Two good filters differ by their ripple; a delay of one sample would show as 0.1.
    np.testing.assert_allclose(ours[inner], theirs[inner], atol=5e-3)
    np.testing.assert_allclose(ours[inner], sound(to_hz)[inner], atol=5e-3)
    assert len(ours) == to_hz
    assert ours.dtype == np.float32


def test_same_rate_and_no_samples_stay():
    np.testing.assert_array_equal(resample(sound(8000), 8000, 8000), sound(8000))
    assert resample(np.zeros(0, np.float32), 8000, 16000).shape == (0,)


def test_a_few_samples_at_a_rate_of_a_few_hertz_are_resampled():
    for count in (1, 11):
        assert len(resample(np.ones(count, np.float32), 8, 16_000)) == 2_000 * count


def test_rates_are_checked():
    with pytest.raises(ValueError, match="`from_hz` and `to_hz` > 0, got 0 and 8000"):
        resample(sound(8000), 0, 8000)


def audio_frame(layout, channels, rate=16_000):
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(channels, np.float32), format="fltp", layout=layout
    )
    frame.sample_rate = rate
    return frame


@pytest.mark.parametrize(("layout", "count"), [("mono", 1), ("stereo", 2), ("5.1", 6)])
def test_equal_channels_keep_level_and_length(layout, count):
    channels = np.tile(sound(16_000)[:1024], (count, 1))
    mono = MonoMixer(16_000).mix(audio_frame(layout, channels))
    np.testing.assert_allclose(mono, channels[0], atol=1e-6)


def test_stereo_is_averaged():
    channels = np.stack([np.ones(64), np.zeros(64)])
    np.testing.assert_allclose(MonoMixer(16_000).mix(audio_frame("stereo", channels)), 0.5)


def test_a_stream_may_change_its_layout_and_rate():
    mixer = MonoMixer(16_000)
    mixer.mix(audio_frame("mono", np.ones((1, 64))))
    np.testing.assert_allclose(mixer.mix(audio_frame("stereo", np.ones((2, 64)))), 1.0, atol=1e-6)
    longer = mixer.mix(audio_frame("mono", np.ones((1, 8_000)), rate=8_000))
    assert len(longer) == pytest.approx(16_000, abs=64)
    for rate in (1, 300_000_000):
        assert len(mixer.mix(audio_frame("mono", np.ones((1, 8_000)), rate=rate))) == 0


@pytest.mark.parametrize(
    ("samples", "expected"),
    [([], True), ([0.3, -1.2], True), ([0.0, 5.0], False), ([np.nan], False), ([-np.inf], False)],
)
def test_what_can_be_sound(samples, expected):
    assert is_plausible(np.array(samples, np.float32)) is expected


@pytest.mark.parametrize("name", ["s16", "s16p", "s32", "s32p", "flt", "fltp"])
def test_mono_sound_is_converted_as_ffmpeg_converts_it(name):
    rng = np.random.default_rng(0)
    samples = rng.uniform(-1, 1, (1, 1000)).astype(np.float32)
    if name[0] == "s":
        samples = (samples * 2.0 ** (int(name[1:3]) - 1)).astype(f"int{name[1:3]}")
    frame = av.AudioFrame.from_ndarray(samples, format=name, layout="mono")
    frame.sample_rate = 16_000
    ours = MonoMixer(16_000).mix(frame)
    converter = av.AudioResampler(format="fltp", layout="mono", rate=16_000)
    theirs = np.concatenate([piece.to_ndarray()[0] for piece in converter.resample(frame)])
    np.testing.assert_array_equal(ours, theirs)
    assert ours.dtype == np.float32


def test_sound_is_the_same_whatever_the_span_it_was_read_in(make_clip):
    with MediaFile(make_clip("a.mov", audio_codec="pcm_s16le", sample_rate=44_100)) as file:
        whole, _ = read_waveform(file, (0.0, 3.0), 16_000)
        part, _ = read_waveform(file, (1.0, 2.0), 16_000)
    # Half a sample of the file lies between the two grids.
    np.testing.assert_allclose(part, whole[16_000:32_000], atol=0.01)


def test_damaged_sound_is_left_out_rather_than_blaring(tmp_path, write_media):
    sound = 0.5 * np.sin(np.arange(48_000) / 5).astype(np.float32)
    sound[16_000:17_000] = 3000.0
    path = write_media(tmp_path / "a.wav", sounds=[sound], audio_codec="pcm_f32le")
    with MediaFile(path) as file:
        waveform, valid = read_waveform(file, (0.0, 3.0), 16_000)
    assert np.abs(waveform).max() < 0.6
    assert not valid[16_000:17_000].any()
    assert 0.8 < valid.mean() < 1.0


@pytest.mark.parametrize(("codec", "rate"), [("libopus", 48_000), ("libmp3lame", 44_100)])
def test_decoders_settle_before_the_span_begins(make_clip, codec, rate):
    path = make_clip(with_video=False, audio_codec=codec, sample_rate=rate)
    with MediaFile(path) as file:
        whole, _ = read_waveform(file, (0.0, 3.0), rate)
        for start in (0.9, 1.3, 2.0):
            part, _ = read_waveform(file, (start, start + 0.5), rate)
            first = round(start * rate)
            np.testing.assert_allclose(part, whole[first : first + len(part)], atol=1e-4)


@pytest.mark.parametrize("codec", ["pcm_s16le", "flac"])
def test_rounded_timestamps_leave_neither_gaps_nor_overlaps(make_clip, clip_clock, codec):
    # Matroska rounds to 1 ms, which is 44 samples.
    path = make_clip("a.mkv", with_video=False, audio_codec=codec, sample_rate=44_100)
    with MediaFile(path) as file:
        waveform, valid = read_waveform(file, (0.0, 2.9), 44_100)
    assert valid.all()
    expected = clip_clock.sound(np.arange(len(waveform)) / 44_100)
    np.testing.assert_allclose(waveform, expected, atol=2 / 32_768)


def test_nothing_sounds_where_there_is_no_sample(make_clip):
    path = make_clip("a.mov", sound_seconds=1.5, audio_codec="pcm_s16le", sample_rate=44_100)
    with MediaFile(path) as file:
        waveform, valid = read_waveform(file, (0.8, 2.0), 16_000)
    # The filter that changes the rate rings beyond the last sample.
    assert valid.sum() == pytest.approx(0.7 * 16_000, abs=2)
    assert not waveform[~valid].any()
