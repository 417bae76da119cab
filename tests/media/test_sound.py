import math

import av
import numpy as np
import pytest
from scipy.signal import resample_poly

from macbdf_mm.media.frames import read_frames
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


def decode_from_the_start(path):
    """All samples as FFmpeg decodes them in one go, and when the first one sounds."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
        first = frames[0].pts * container.streams.audio[0].time_base
        samples = np.concatenate([frame.to_ndarray()[0] for frame in frames])
        is_integer = np.issubdtype(samples.dtype, np.integer)
    zero = first
    with av.open(str(path)) as container:
        if container.streams.video:
            zero = next(container.decode(video=0)).time
    return samples / (2**15 if is_integer else 1), float(first - zero)


def noisy_sound(rate, seconds=4.0):
    # AAC makes noise of its own where it finds some.
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.05, round(rate * seconds)).astype(np.float32)
    return 0.4 * sound(rate, seconds) + noise


CONTAINERS = [
    *(("a.mp4", "aac", 16_000, {}), ("a.mov", "aac", 44_100, {}), ("a.m4a", "aac", 44_100, {})),
    *(("a.mkv", "aac", 44_100, {}), ("a.ts", "aac", 44_100, {}), ("a.aac", "aac", 44_100, {})),
    ("fragments.mp4", "aac", 44_100, {"movflags": "frag_keyframe+delay_moov"}),
    *(("a.mkv", "ac3", 48_000, {}), ("a.ts", "eac3", 44_100, {}), ("a.mpg", "mp2", 44_100, {})),
    ("a.mp4", "libmp3lame", 16_000, {}),
    *(("a.flv", "libmp3lame", 44_100, {}), ("a.avi", "libmp3lame", 44_100, {})),
    *(("a.mp3", "libmp3lame", 44_100, {}), ("a.mkv", "libmp3lame", 16_000, {})),
    *(("a.mkv", "libopus", 48_000, {}), ("a.mp4", "libopus", 48_000, {})),
    *(("a.ogg", "libopus", 48_000, {}), ("a.webm", "libopus", 48_000, {})),
    *(("a.mkv", "flac", 44_100, {}), ("a.mkv", "pcm_s16le", 44_100, {})),
    ("a.avi", "pcm_s16le", 44_100, {}),
]
VIDEO_CODECS = {"mpg": "mpeg2video", "avi": "mpeg4", "webm": "libvpx", "flv": "flv1"}


@pytest.mark.parametrize(("name", "codec", "rate", "options"), CONTAINERS)
@pytest.mark.parametrize("sound_start", [0.0, 0.3])
def test_a_span_sounds_as_in_a_decode_of_the_whole_track(
    tmp_path, write_media, clip_clock, name, codec, rate, options, sound_start
):
    suffix = name.rpartition(".")[2]
    frames = (
        [] if suffix in ("m4a", "aac", "mp3", "ogg") else [clip_clock.frame(k) for k in range(100)]
    )
    path = write_media(
        tmp_path / name,
        frames,
        np.arange(len(frames)) / 25,
        [noisy_sound(rate)],
        sound_start_seconds=sound_start,
        sample_rate=rate,
        audio_codec=codec,
        video_codec=VIDEO_CODECS.get(suffix, "libx264"),
        options=options,
    )
    whole, starts_at = decode_from_the_start(path)
    first = math.floor(starts_at * rate + 0.5 + 1e-6)
    # At its beginning, within what a decoder needs to settle, and in the middle.
    for offset in (0, round(0.02 * rate), round(0.37 * rate), round(1.3 * rate), 2 * rate + 77):
        length = rate // 2
        begin = first + offset
        with MediaFile(path) as file:
            part, valid = read_waveform(file, (begin / rate, (begin + length) / rate), rate)
        np.testing.assert_allclose(part, whole[offset : offset + length], atol=1e-6)
        assert valid.all()


def test_the_first_samples_of_aac_are_those_that_were_recorded(make_clip, clip_clock):
    # The first packet holds none of them, but without it the next one cannot be decoded.
    with MediaFile(make_clip(with_video=False, name="a.m4a")) as file:
        waveform, valid = read_waveform(file, (0.0, 0.064), 16_000)
    expected = clip_clock.sound(np.arange(1024) / 16_000)
    assert valid.all()
    # Coded at a low rate; half of the samples missing would show as 0.5.
    assert np.abs(waveform - expected).max() < 0.1


def test_sound_is_decoded_from_the_start_as_often_as_wanted(make_clip, monkeypatch):
    with MediaFile(make_clip("a.mp4", sample_rate=44_100)) as file:
        once, _ = read_waveform(file, (0.0, 1.0), 16_000)
        again, _ = read_waveform(file, (0.0, 1.0), 16_000)
        assert file.seek(file.video, 1.0)
        after_a_seek, _ = read_waveform(file, (0.0, 1.0), 16_000)
        # What was left out for the sound is there again for the pictures.
        monkeypatch.setattr(MediaFile, "restart", lambda self: pytest.fail("opened anew"))
        _, shown = read_frames(file, np.array([0.5, 2.5]))
    np.testing.assert_array_equal(once, again)
    np.testing.assert_array_equal(once, after_a_seek)
    assert shown.all()


def test_far_into_a_track_only_a_part_is_decoded(make_clip, monkeypatch):
    path = make_clip(with_video=False, name="a.m4a")
    monkeypatch.setattr("macbdf_mm.media.sound._MAX_LEAD_SECONDS", 1.0)
    monkeypatch.setattr(
        MediaFile, "decode_from_start", lambda *args: pytest.fail("decodes all of it")
    )
    with MediaFile(path) as file:
        waveform, valid = read_waveform(file, (2.0, 2.5), 16_000)
    assert valid.all()
    assert np.abs(waveform).max() > 0.2


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


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_what_the_encoder_fills_up_the_last_frame_with_does_not_exist(make_clip, rate):
    # 1.6 s are 25 frames of AAC at 16 kHz; of the next one, 4 ms are recorded.
    path = make_clip("a.mp4", seconds=2.0, sound_seconds=1.604, sample_rate=rate)
    for span in ((0.0, 2.0), (1.2, 1.7)):
        with MediaFile(path) as file:
            waveform, valid = read_waveform(file, span, 16_000)
        assert valid.sum() / 16_000 == pytest.approx(min(1.604, 1.604 - span[0]), abs=0.002)
        assert valid[: valid.sum()].all()
        assert not waveform[~valid].any()


def test_packets_much_longer_than_the_span_are_followed_by_others(tmp_path):
    # PCM may come in packets of any length.
    path = tmp_path / "a.mkv"
    samples = (np.sin(np.arange(40 * 8000) / 9) * 9000).astype(np.int16)
    with av.open(str(path), "w") as container:
        track = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        for index, part in enumerate(np.split(samples, 2)):
            frame = av.AudioFrame.from_ndarray(part[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts = 8000, 20 * 8000 * index
            for packet in track.encode(frame):
                container.mux(packet)
    with MediaFile(path) as file:
        waveform, valid = read_waveform(file, (19.5, 20.5), 8000)
    assert valid.all()
    np.testing.assert_allclose(waveform, samples[156_000:164_000] / 2**15, atol=1e-6)


def test_times_that_stand_still_do_not_keep_the_whole_sound(make_clip, monkeypatch):
    path = make_clip("a.m4a", with_video=False, seconds=30.0)
    with MediaFile(path) as file:
        start = file.audio.first_seconds + 0.1
        num_mixed = []
        mix = MonoMixer.mix
        monkeypatch.setattr(
            MonoMixer, "mix", lambda self, frame: num_mixed.append(1) or mix(self, frame)
        )
        monkeypatch.setattr(MediaFile, "seconds_of", lambda self, frame: start)
        read_waveform(file, (0.0, 1.0), 16_000)
    # Of 470 frames, as many as four seconds and a second to spare have.
    assert len(num_mixed) < 150
