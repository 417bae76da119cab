import subprocess
import sys
import wave

import av
import numpy as np
import pytest

from macbdf_mm.errors import MissingDataError, UndecodableMediaError
from macbdf_mm.media.measure import measure_file
from macbdf_mm.media.read_span import read_span

# Suffix, video codec, audio codec and sample rate of what people bring.
CONTAINERS = [
    pytest.param("a.mp4", "libx264", "aac", 16_000, id="mp4-h264-aac"),
    pytest.param("a.mov", "libx264", "pcm_mulaw", 8_000, id="mov-h264-mulaw"),
    pytest.param("a.webm", "libvpx-vp9", "libopus", 48_000, id="webm-vp9-opus"),
    pytest.param("a.avi", "mpeg4", "libmp3lame", 44_100, id="avi-mpeg4-mp3"),
    pytest.param("a.mkv", "libx265", "flac", 44_100, id="mkv-hevc-flac"),
    pytest.param("a.mpg", "mpeg1video", "mp2", 44_100, id="mpg-mpeg1-mp2"),
]


@pytest.mark.parametrize(("name", "video_codec", "audio_codec", "sample_rate"), CONTAINERS)
@pytest.mark.parametrize("start", [0.0, 0.71, 1.71])
def test_frames_and_sound_are_of_the_same_moment(
    make_clip, clip_clock, name, video_codec, audio_codec, sample_rate, start
):
    path = make_clip(
        name, video_codec=video_codec, audio_codec=audio_codec, sample_rate=sample_rate
    )
    span = read_span(path, (start, start + 1.28), 16, 16_000)
    expected = [int((start + (t + 0.5) * 0.08) * 25 + 1e-6) for t in range(16)]
    # The muxers of AVI and MPEG-1 leave one number out where sound and video are fitted.
    slack = 1 if name in ("a.avi", "a.mpg") else 0
    seen = [clip_clock.read(image) for image in span.frames]
    assert np.abs(np.subtract(seen, expected)).max() <= slack
    # MP3 without a gapless header keeps its encoder's delay of 25 ms: below one frame.
    assert abs(clip_clock.lag_seconds(span.waveform, 16_000, start)) < 0.04
    assert span.frame_valid.all()
    assert span.audio_valid.mean() > 0.95


@pytest.mark.parametrize("backend", ["pyav", "decord"])
def test_variable_frame_rate_is_read_by_timestamps(make_clip, clip_clock, backend):
    times = [0.0, 0.04, 0.5, 0.54, 0.58, 1.3, 2.0, 2.04, 2.08, 2.9]
    path = make_clip(frame_seconds=times, fps=25)
    span = read_span(path, (0.0, 3.0), 30, 16_000, backend=backend)
    middles = 0.05 + 0.1 * np.arange(30)
    expected = [int(np.searchsorted(times, t, side="right")) - 1 for t in middles]
    assert [clip_clock.read(image) for image in span.frames[:29]] == expected[:29]


def test_sound_that_starts_before_the_video_counts_from_the_first_frame(
    tmp_path, write_media, clip_clock
):
    times = 0.4 + np.arange(50) / 25
    sound = clip_clock.sound(np.arange(38_400) / 16_000)
    path = write_media(tmp_path / "a.mp4", [clip_clock.frame(k) for k in range(50)], times, [sound])
    span = read_span(path, (0.0, 1.28), 16, 16_000)
    assert clip_clock.read(span.frames[0]) == 1
    # Zero is the first frame, which the sound precedes by 0.4 s.
    assert abs(clip_clock.lag_seconds(span.waveform, 16_000, 0.4)) < 2e-3


def test_missing_sound_is_masked(make_clip):
    span = read_span(make_clip(with_sound=False), (0.5, 1.78), 16, 16_000)
    assert not span.has_audio
    assert span.has_video
    assert not span.audio_valid.any()
    assert not span.waveform.any()
    assert span.waveform.shape == (20_480,)


def test_missing_video_is_masked(make_clip, clip_clock):
    path = make_clip("a.m4a", with_video=False)
    span = read_span(path, (0.5, 1.78), 16, 16_000)
    assert span.frames is None
    assert not span.has_video
    assert not span.frame_valid.any()
    assert span.audio_valid.all()
    assert abs(clip_clock.lag_seconds(span.waveform, 16_000, 0.5)) < 2e-3


def test_silent_sound_is_sound(make_clip):
    span = read_span(make_clip(silent=True), (0.5, 1.78), 16, 16_000)
    assert span.has_audio
    assert span.audio_valid.all()


def test_sound_that_ends_early_is_masked_from_there(make_clip):
    span = read_span(make_clip(sound_seconds=1.5), (0.8, 2.08), 16, 16_000)
    assert span.frame_valid.all()
    # AAC fills its last packet of 1024 samples.
    assert span.audio_valid.sum() == pytest.approx(0.7 * 16_000, abs=1024)
    assert span.audio_valid[0]
    assert not span.audio_valid[-1]
    assert not span.waveform[~span.audio_valid].any()


def test_late_sound_is_masked_until_it_starts(make_clip, clip_clock):
    span = read_span(make_clip(sound_start_seconds=0.4), (0.0, 1.28), 16, 16_000)
    # The AAC encoder puts one packet of priming silence before its first sample.
    assert np.flatnonzero(span.audio_valid)[0] == pytest.approx(0.4 * 16_000, abs=1030)
    tail = span.waveform[8_000:]
    assert abs(clip_clock.lag_seconds(tail, 16_000, 0.5)) < 2e-3


def test_a_span_past_the_end_is_masked(make_clip):
    span = read_span(make_clip(seconds=1.0), (0.0, 1.28), 16, 16_000)
    assert span.frame_valid.sum() == 12
    assert not span.frames[~span.frame_valid].any()
    far = read_span(make_clip("b.mp4", seconds=1.0), (50.0, 51.28), 16, 16_000)
    assert not far.frame_valid.any()
    assert not far.audio_valid.any()


@pytest.mark.parametrize("rotation", [90, 180, 270])
@pytest.mark.parametrize("backend", ["pyav", "decord"])
def test_rotation_is_applied(make_clip, rotation, backend):
    upright = read_span(make_clip("a.mp4"), (0.0, 1.28), 4, 16_000).frames
    turned = read_span(make_clip("b.mp4", rotation=rotation), (0.0, 1.28), 4, 16_000, backend)
    expected = np.rot90(upright, rotation // 90, axes=(1, 2))
    assert turned.frames.shape == expected.shape
    # decord turns before it converts the colours, which moves edges of bands a little.
    np.testing.assert_allclose(
        turned.frames.astype(float).mean(axis=3), expected.astype(float).mean(axis=3), atol=40
    )


@pytest.mark.parametrize("pix_fmt", ["yuv444p", "yuv422p"])
def test_other_chroma_samplings_decode_after_a_seek(make_clip, clip_clock, pix_fmt):
    path = make_clip(pix_fmt=pix_fmt)
    span = read_span(path, (1.6, 2.88), 16, 16_000)
    assert clip_clock.read(span.frames[0]) == 41


@pytest.mark.parametrize(("layout", "sample_rate"), [("stereo", 44_100), ("5.1", 48_000)])
def test_channels_are_mixed_down(make_clip, clip_clock, layout, sample_rate):
    path = make_clip(layout=layout, sample_rate=sample_rate)
    span = read_span(path, (0.5, 1.78), 16, 16_000)
    assert abs(clip_clock.lag_seconds(span.waveform, 16_000, 0.5)) < 2e-3
    # As loud as in mono, 0.4, within what AAC does to it.
    assert np.abs(span.waveform).max() == pytest.approx(0.4, abs=0.06)


def test_the_first_of_two_sound_tracks_is_read(tmp_path, write_media, clip_clock):
    moments = np.arange(48_000) / 16_000
    path = write_media(
        tmp_path / "a.mp4",
        [clip_clock.frame(k) for k in range(75)],
        np.arange(75) / 25,
        [clip_clock.sound(moments), np.zeros(48_000, np.float32)],
    )
    span = read_span(path, (0.5, 1.78), 16, 16_000)
    assert abs(clip_clock.lag_seconds(span.waveform, 16_000, 0.5)) < 2e-3


def test_short_side_shrinks(make_clip, clip_clock):
    span = read_span(make_clip(), (0.0, 1.28), 4, 16_000, short_side=32)
    assert span.frames.shape == (4, 32, 48, 3)
    assert [clip_clock.read(image) for image in span.frames] == [4, 12, 20, 28]


def test_a_truncated_file_gives_what_it_holds(make_clip):
    path = make_clip(options={"movflags": "faststart"})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    head = read_span(path, (0.0, 1.28), 16, 16_000)
    assert head.frame_valid.all()
    tail = read_span(path, (1.7, 2.98), 16, 16_000)
    assert not tail.frame_valid.all()
    with pytest.raises(UndecodableMediaError, match=r"not safe on truncated files"):
        read_span(path, (0.0, 1.28), 16, 16_000, backend="decord")


def test_damaged_bytes_do_not_end_the_reading(make_clip):
    path = make_clip()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = np.random.default_rng(0).bytes(400)
    path.write_bytes(content)
    span = read_span(path, (0.0, 2.96), 37, 16_000)
    assert span.frame_valid.any()
    assert span.audio_valid.mean() > 0.8


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"not a video\n" * 50, r"no audio or video file|not a media file"),
    ],
)
def test_what_is_no_clip_is_named(tmp_path, content, message):
    path = tmp_path / "x.mp4"
    path.write_bytes(content)
    with pytest.raises(UndecodableMediaError, match=message):
        read_span(path, (0.0, 1.28), 16, 16_000)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(MissingDataError, match=r"No file at .*x\.mp4"):
        read_span(tmp_path / "x.mp4", (0.0, 1.28), 16, 16_000)
    with pytest.raises(MissingDataError, match="is a folder"):
        read_span(tmp_path, (0.0, 1.28), 16, 16_000)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(span_seconds=(1.0, 1.0)), "`span_seconds` with start < end"),
        (dict(num_frames=0), "`num_frames` and `sample_rate` > 0"),
        (dict(sample_rate=0), "`num_frames` and `sample_rate` > 0"),
        (dict(backend="cv2"), "`backend` 'pyav' or 'decord'"),
        (dict(short_side=0), "`short_side` > 0"),
    ],
)
def test_arguments_are_checked(make_clip, arguments, message):
    defaults = dict(span_seconds=(0.0, 1.0), num_frames=4, sample_rate=16_000)
    with pytest.raises(ValueError, match=message):
        read_span(make_clip(), **(defaults | arguments))


def test_reading_does_not_import_torch():
    code = (
        "import sys, macbdf_mm.media.read_span, macbdf_mm.media.probe;"
        "print([name for name in ('torch', 'decord', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("channels", "is_mixed"), [(9, False), (12, True)])
def test_sound_of_many_channels_is_read_or_refused(tmp_path, channels, is_mixed):
    path = tmp_path / "many.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(np.full((16_000, channels), 8192, "<i2").tobytes())
    if is_mixed:
        waveform = read_span(path, (0.0, 1.0), 1, 16_000).waveform
        np.testing.assert_allclose(waveform[1000:-1000], 0.25, atol=1e-3)
    else:
        with pytest.raises(UndecodableMediaError, match=r"many\.wav decodes, but FFmpeg cannot"):
            read_span(path, (0.0, 1.0), 1, 16_000)


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mov", "mpeg4")])
def test_damage_that_decoders_report_is_counted(make_clip, name, codec):
    path = make_clip(name, seconds=4.0, with_sound=False, video_codec=codec)
    assert read_span(path, (0.0, 4.0), 100, 16_000).num_damaged == 0
    assert measure_file(path).num_damaged_packets == 0
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux() if packet.size]
    content = bytearray(path.read_bytes())
    for packet in packets:
        if 1.1 < packet.dts * packet.time_base < 1.9:
            # The first half stays, so that the packet still decodes to a picture.
            half = packet.size // 2
            content[packet.pos + half : packet.pos + packet.size] = b"\xff" * (packet.size - half)
    path.write_bytes(content)
    counts = [read_span(path, (t, t + 1.0), 25, 16_000).num_damaged for t in range(4)]
    assert counts[1] >= 5
    assert (counts[0], counts[3]) == (0, 0)
    assert measure_file(path).num_damaged_packets >= 5


def test_packets_of_sound_that_do_not_decode_are_counted_where_they_are(make_clip):
    path = make_clip("a.m4a", with_video=False, seconds=4.0)
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux() if packet.size]
    content = bytearray(path.read_bytes())
    for packet in packets:
        if 1.2 < packet.pts * packet.time_base < 1.5:
            content[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    path.write_bytes(content)
    counts = [read_span(path, (t, t + 1.0), 1, 16_000).num_damaged for t in range(4)]
    assert counts[1] >= 3
    assert (counts[0], counts[2], counts[3]) == (0, 0, 0)


def test_a_lack_of_memory_is_no_damage(make_clip, monkeypatch):
    def run_out(*args):
        raise av.error.MemoryError(12, "Cannot allocate memory")

    path = make_clip()
    for place in ("read_span.read_frames", "measure.decode_strictly"):
        monkeypatch.setattr(f"macbdf_mm.media.{place}", run_out)
    with pytest.raises(MemoryError):
        read_span(path, (0.0, 1.28), 16, 16_000)
    with pytest.raises(MemoryError):
        measure_file(path)
