import struct
import subprocess
import sys

import av
import numpy as np
import pytest
from av.stream import Disposition

from macbdf_mm.errors import MissingDataError, UndecodableMediaError
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.probe import MediaHeader, probe, read_header


def test_what_a_file_holds(make_clip):
    info = probe(make_clip(seconds=2.0))
    assert (info.has_video, info.has_audio) == (True, True)
    assert (info.width, info.height, info.fps) == (96, 64, 25.0)
    assert (info.sample_rate, info.video_codec, info.audio_codec) == (16_000, "h264", "aac")
    assert info.duration_seconds == pytest.approx(2.0, abs=0.07)


def test_width_and_height_are_as_shown(make_clip):
    info = probe(make_clip(rotation=90))
    assert (info.width, info.height) == (64, 96)


def test_single_tracks(make_clip):
    sound_only = probe(make_clip("a.m4a", with_video=False))
    assert (sound_only.has_video, sound_only.has_audio) == (False, True)
    assert (sound_only.width, sound_only.fps, sound_only.video_codec) == (None, None, None)
    assert sound_only.duration_seconds == pytest.approx(3.0, abs=0.07)
    video_only = probe(make_clip("b.mp4", with_sound=False))
    assert (video_only.has_audio, video_only.sample_rate) == (False, None)


def test_duration_spans_both_tracks(make_clip):
    early = probe(make_clip("a.mp4", seconds=3.0, sound_seconds=1.0))
    assert early.duration_seconds == pytest.approx(3.0, abs=0.05)
    long_sound = probe(make_clip("b.mp4", seconds=1.0, sound_seconds=2.5))
    assert long_sound.duration_seconds == pytest.approx(2.5, abs=0.07)


@pytest.mark.parametrize(("seconds", "share"), [(3.0, 0.6), (40.0, 0.3)])
def test_a_truncated_file_is_as_long_as_what_is_left(make_clip, seconds, share):
    path = make_clip(seconds=seconds, fps=10, options={"movflags": "faststart"})
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    info = probe(path)
    assert info.duration_seconds + info.missing_seconds == pytest.approx(seconds, abs=0.3)
    assert 0.2 * seconds < info.duration_seconds < 0.9 * seconds


def test_what_a_cut_took_from_a_file_that_starts_late(make_clip):
    times = 5.0 + np.arange(75) / 25
    options = {"movflags": "faststart"}
    path = make_clip(frame_seconds=times, with_sound=False, options=options)
    whole = probe(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    cut = probe(path)
    assert (whole.duration_seconds, whole.missing_seconds) == pytest.approx((3.0, 0.0), abs=0.1)
    assert cut.duration_seconds < 2.5
    assert cut.duration_seconds + cut.missing_seconds == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize("flags", ["faststart", "frag_keyframe+delay_moov"])
@pytest.mark.parametrize("with_sound", [True, False])
def test_a_start_that_an_edit_list_hides_is_no_part_of_the_length(make_clip, flags, with_sound):
    path = make_clip(
        frame_seconds=np.arange(125) / 25 - 2.0,
        sound_start_seconds=-2.0,
        sound_seconds=5.0,
        with_sound=with_sound,
        gop=100,
        options={"avoid_negative_ts": "disabled", "movflags": flags},
    )
    info = probe(path)
    assert info.duration_seconds == pytest.approx(3.0, abs=0.1)
    assert info.missing_seconds < 0.1
    assert read_header(path).duration_seconds == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize("codec", ["adpcm_ima_wav", "adpcm_ms", "adpcm_yamaha"])
def test_the_end_of_a_long_adpcm_is_not_sought(make_clip, codec):
    path = make_clip("a.wav", seconds=45.0, with_video=False, audio_codec=codec)
    info = probe(path)
    assert info.duration_seconds == pytest.approx(45.0, abs=0.1)
    assert info.missing_seconds == pytest.approx(0.0, abs=0.1)


def test_the_end_of_a_long_file_is_found_in_its_tail(make_clip):
    info = probe(make_clip(seconds=40.0, fps=10, sound_seconds=5.0))
    assert info.duration_seconds == pytest.approx(40.0, abs=0.05)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
def test_a_video_that_starts_late_is_no_cut(write_media, clip_clock, tmp_path, suffix):
    times = 1.8 + np.arange(50) / 25
    sound = clip_clock.sound(np.arange(3 * 16_000) / 16_000)
    frames = [clip_clock.frame(k) for k in range(len(times))]
    info = probe(write_media(tmp_path / f"late.{suffix}", frames, times, [sound]))
    assert info.duration_seconds == pytest.approx(2.0, abs=0.1)
    assert info.missing_seconds < 0.1


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_longer_second_sound_track_is_no_cut(write_media, clip_clock, tmp_path, suffix):
    times = np.arange(50) / 25
    sounds = [clip_clock.sound(np.arange(n * 16_000) / 16_000) for n in (2, 6)]
    frames = [clip_clock.frame(k) for k in range(len(times))]
    info = probe(write_media(tmp_path / f"two.{suffix}", frames, times, sounds))
    assert info.duration_seconds == pytest.approx(2.0, abs=0.1)
    assert info.missing_seconds < 0.1


def test_errors_name_the_file(tmp_path):
    with pytest.raises(MissingDataError, match=r"No file at .*gone\.mp4"):
        probe(tmp_path / "gone.mp4")
    (tmp_path / "text.mp4").write_text("hello\n" * 100)
    with pytest.raises(UndecodableMediaError, match=r"text\.mp4 is n"):
        probe(tmp_path / "text.mp4")


@pytest.mark.parametrize(("suffix", "claimed"), [("mkv", 5000.0), ("mp4", 2.0)])
def test_a_lone_packet_far_away_is_no_content(tmp_path, write_media, clip_clock, suffix, claimed):
    times = [*np.arange(50) / 25, 5000.0]
    frames = [clip_clock.frame(k) for k in range(len(times))]
    sound = clip_clock.sound(np.arange(32_000) / 16_000)
    info = probe(write_media(tmp_path / f"far.{suffix}", frames, times, [sound]))
    assert info.duration_seconds == pytest.approx(2.0, abs=0.1)
    assert info.duration_seconds + info.missing_seconds == pytest.approx(claimed, abs=0.2)


def test_a_still_picture_with_sound_is_no_gap(tmp_path, write_media, clip_clock):
    frames = [clip_clock.frame(k) for k in range(2)]
    sound = clip_clock.sound(np.arange(30 * 16_000) / 16_000)
    info = probe(write_media(tmp_path / "slides.mp4", frames, [0.0, 25.0], [sound]))
    assert info.duration_seconds == pytest.approx(30.0, abs=0.1)
    assert info.missing_seconds < 0.1


def test_a_packet_that_claims_to_last_for_hours_ends_after_ten_minutes(tmp_path):
    path = tmp_path / "long.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        images = [av.VideoFrame.from_ndarray(np.zeros((64, 96, 3), np.uint8))] * 50
        packets = [packet for image in images for packet in stream.encode(image)]
        packets += stream.encode()
        packets[-1].duration = round(5000 / packets[-1].time_base)
        container.mux(packets)
    info = probe(path)
    assert info.duration_seconds == pytest.approx(1.96 + 600.0, abs=0.1)
    assert info.duration_seconds + info.missing_seconds == pytest.approx(5000, abs=5)


def test_a_file_that_lasts_for_no_time_is_named(tmp_path, write_media, clip_clock):
    path = write_media(tmp_path / "a.ts", [clip_clock.frame(0)], [0.0])
    with pytest.raises(UndecodableMediaError, match=r"a\.ts ends where it begins"):
        probe(path)


@pytest.mark.parametrize(("video", "sound"), [(True, True), (True, False), (False, True)])
def test_a_header_says_what_probing_finds(make_clip, video, sound):
    name = "clip.mp4" if video else "clip.m4a"
    path = make_clip(name, seconds=1.2, with_video=video, with_sound=sound)
    header, found = read_header(path), probe(path)
    assert (header.has_video, header.has_audio) == (found.has_video, found.has_audio)
    assert header.duration_seconds == pytest.approx(found.duration_seconds, abs=0.1)


@pytest.mark.parametrize(
    ("name", "codecs"),
    [
        ("a.mp4", {}),
        ("a.mov", {}),
        ("a.mkv", {}),
        ("a.webm", {"video_codec": "libvpx", "audio_codec": "libopus", "sample_rate": 48_000}),
        ("a.avi", {"video_codec": "mpeg4", "audio_codec": "pcm_s16le"}),
        ("a.ts", {}),
        ("a.flv", {"sample_rate": 44_100}),
        ("fragments.mp4", {"options": {"movflags": "frag_keyframe+empty_moov"}}),
        ("live.mkv", {"options": {"live": "1"}}),
    ],
)
@pytest.mark.parametrize("has_longer", [True, False])
def test_the_length_is_that_of_the_tracks_and_of_no_other_stream(
    tmp_path, write_media, clip_clock, name, codecs, has_longer
):
    if has_longer and name == "a.flv":
        pytest.skip("holds one sound track")
    rate = codecs.get("sample_rate", 16_000)
    sounds = [clip_clock.sound(np.arange(seconds * rate) / rate) for seconds in (2, 9)]
    images = [clip_clock.frame(k) for k in range(50)]
    path = write_media(
        tmp_path / name, images, np.arange(50) / 25, sounds[: 1 + has_longer], **codecs
    )
    header, found = read_header(path), probe(path)
    assert header.duration_seconds == pytest.approx(2.0, abs=0.12)
    assert found.duration_seconds == pytest.approx(2.0, abs=0.12)


def test_an_estimated_length_is_measured(tmp_path):
    """Quiet sound takes few bytes, so that the first of them tell little of how long it lasts."""
    path = tmp_path / "a.aac"
    with av.open(str(path), "w", format="adts") as container:
        stream = container.add_stream("aac", rate=44_100, layout="mono")
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, 10 * 44_100).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(
            np.concatenate([np.zeros_like(noise), noise])[None], "fltp", "mono"
        )
        frame.sample_rate, frame.pts = 44_100, 0
        container.mux([*stream.encode(frame), *stream.encode()])
    with av.open(str(path)) as container:
        assert container.duration / av.time_base > 40
    assert read_header(path).duration_seconds == pytest.approx(20.0, abs=0.1)


def test_a_cover_has_no_length(tmp_path, write_media, clip_clock):
    sound = clip_clock.sound(np.arange(2 * 16_000) / 16_000)
    plain = write_media(tmp_path / "a.m4a", sounds=[sound])
    path = tmp_path / "b.mp4"
    with av.open(str(plain)) as source, av.open(str(path), "w") as container:
        copy = container.add_stream_from_template(source.streams.audio[0])
        cover = container.add_stream("mjpeg", rate=25)
        cover.width, cover.height, cover.pix_fmt = 96, 64, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        image = av.VideoFrame.from_ndarray(clip_clock.frame(1), "rgb24")
        container.mux([*cover.encode(image), *cover.encode()])
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = copy
                container.mux(packet)
    assert read_header(path) == MediaHeader(False, True, pytest.approx(2.0, abs=0.1))


def test_a_length_that_is_neither_stated_nor_to_be_measured_is_unknown(
    tmp_path, write_media, clip_clock
):
    path = write_media(tmp_path / "a.ts", [clip_clock.frame(0)], [0.0])
    assert read_header(path) == MediaHeader(True, False, None)


def test_a_silent_track_is_in_the_header(make_clip):
    assert read_header(make_clip(silent=True)).has_audio


def test_a_cut_file_keeps_what_its_header_claims(make_clip):
    path = make_clip(seconds=2.0, options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert read_header(path) == MediaHeader(True, True, pytest.approx(2.0, abs=0.1))
    assert probe(path).duration_seconds < 1.5


def test_what_is_no_clip_has_no_header(tmp_path):
    with pytest.raises(MissingDataError, match=r"No file at .*gone\.mp4"):
        read_header(tmp_path / "gone.mp4")
    (tmp_path / "text.mp4").write_text("nothing")
    with pytest.raises(UndecodableMediaError, match=r"text\.mp4 is not a media file"):
        read_header(tmp_path / "text.mp4")


def test_a_process_that_looks_at_headers_loads_nothing_heavy():
    script = (
        "import sys, macbdf_mm.media.probe\n"
        "print([m for m in ('torch', 'cv2', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_tracks_that_nobody_looks_at_are_named(write_media, clip_clock, tmp_path):
    times = np.arange(25) / 25
    frames = [clip_clock.frame(k) for k in range(25)]
    sound = clip_clock.sound(np.arange(16_000) / 16_000)
    assert not probe(write_media(tmp_path / "one.mkv", frames, times, [sound])).remarks
    info = probe(write_media(tmp_path / "two.mkv", frames, times, [sound] * 3))
    assert [*info.remarks] == [f"sound track {k} (aac) is not looked at" for k in (2, 3)]


def test_sound_before_the_first_picture_is_named(write_media, clip_clock, tmp_path):
    frames = [clip_clock.frame(k) for k in range(25)]
    sound = clip_clock.sound(np.arange(6 * 16_000) / 16_000)
    path = write_media(tmp_path / "late.mkv", frames, 5 + np.arange(25) / 25, [sound])
    (remark,) = probe(path).remarks
    assert remark == "5.0 s of sound come before the first picture and are not looked at"


def test_a_clock_that_starts_anew_is_named(make_clip):
    path = make_clip("a.ts", seconds=1.0)
    path.write_bytes(path.read_bytes() * 3)
    (remark,) = probe(path).remarks
    assert remark.startswith("the clock starts anew 2 times")


def test_sound_whose_channels_pyav_cannot_hold_is_named(clip_clock, tmp_path):
    path = tmp_path / "surround.mov"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=16_000, layout="7.1")
        for number in range(25):
            picture = av.VideoFrame.from_ndarray(clip_clock.frame(number), "rgb24")
            container.mux(video.encode(picture))
        container.mux(video.encode())
        frame = av.AudioFrame.from_ndarray(np.ones((1, 128_000), np.int16), "s16", "7.1")
        frame.sample_rate = 16_000
        container.mux([*sound.encode(frame), *sound.encode()])
    # As other programs write it: the layout by its number (7.1 C), not by a set of channels.
    content = path.read_bytes()
    place = content.index(b"chan") + 8
    layout = (128 << 16 | 8).to_bytes(4) + bytes(4)
    path.write_bytes(content[:place] + layout + content[place + 8 :])
    script = (
        "import sys\nfrom macbdf_mm.media.probe import probe\n"
        "from macbdf_mm.media.read_span import read_span\n"
        "info = probe(sys.argv[1])\n"
        "span = read_span(sys.argv[1], (0.0, 1.0), 5, 16_000)\n"
        "print(info.has_video, info.has_audio, span.frame_valid.all(), *info.remarks)"
    )
    # In a process of its own, which a corrupted memory may end.
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True)
    assert done.stdout.startswith("True False True sound track 1 (pcm_s16le"), done.stderr
    assert "an order that cannot be read safely" in done.stdout


def test_a_length_that_is_only_estimated_is_no_cut(tmp_path, write_media):
    # Quiet, then loud: from the bit rate of its start, such a file seems to last far longer.
    noise = np.random.default_rng(0).normal(0, 0.3, 20 * 16_000).astype(np.float32)
    sound = np.concatenate([np.zeros(20 * 16_000, np.float32), noise])
    for suffix, codec in (("aac", "aac"), ("mp3", "libmp3lame")):
        path = write_media(tmp_path / f"a.{suffix}", sounds=[sound], audio_codec=codec)
        info = probe(path)
        assert info.duration_seconds == pytest.approx(40.0, abs=0.2)
        assert info.missing_seconds < 0.2


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_pictures_that_are_shown_for_long_are_no_cut(tmp_path, write_media, clip_clock, suffix):
    frames = [clip_clock.frame(k) for k in range(4)]
    info = probe(write_media(tmp_path / f"slides.{suffix}", frames, [0.0, 30.0, 75.0, 90.0]))
    assert info.duration_seconds > 90.0
    assert info.missing_seconds < 0.1


def test_a_failed_seek_is_no_empty_file(make_clip, monkeypatch):
    path = make_clip()
    monkeypatch.setattr(MediaFile, "seek_all", lambda *args: False)
    assert probe(path).duration_seconds == pytest.approx(3.0, abs=0.1)


def test_what_ffmpeg_does_not_read_is_missing(make_clip):
    path = make_clip("a.flv", seconds=2.0, sample_rate=44_100)
    whole = probe(path)
    assert (whole.missing_seconds, whole.remarks) == (pytest.approx(0.0, abs=0.1), ())
    # A second file behind the first: what begins with a header is no packet.
    path.write_bytes(path.read_bytes() * 2)
    info = probe(path)
    assert info.missing_seconds == pytest.approx(2.0, abs=0.2)
    assert "bytes are not read" in info.remarks[0]


def test_a_container_that_is_taken_for_a_bare_stream_is_named(make_clip):
    path = make_clip("a.avi", video_codec="mpeg4", audio_codec="pcm_s16le")
    path.write_bytes(bytes(range(1, 100)) + path.read_bytes())
    info = probe(path)
    assert not info.has_audio
    assert any("takes this avi file for a bare stream (m4v)" in text for text in info.remarks)
    bare = make_clip("a.mp3", with_video=False, audio_codec="libmp3lame")
    assert not probe(bare).remarks
    assert "this avi file for a bare stream (mp3)" in probe(bare.rename(path)).remarks[0]


def test_a_bare_stream_without_times_is_told_how_it_can_be_read(make_clip):
    path = make_clip("a.h264", with_sound=False)
    with pytest.raises(UndecodableMediaError, match=r"a bare stream \(h264\), .* -c copy"):
        probe(path)


@pytest.mark.parametrize("codec", ["libopus", "flac"])
def test_a_short_ogg_of_a_single_page_is_whole(make_clip, codec):
    path = make_clip("a.ogg", with_video=False, seconds=0.8, audio_codec=codec, sample_rate=48_000)
    info = probe(path)
    assert info.missing_seconds < 0.1
    assert info.remarks == ()


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "aac"), ("a.m4a", "aac"), ("a.wav", "pcm_s16le")]
)
def test_a_second_file_behind_the_first_is_missed(make_clip, name, codec):
    path = make_clip(name, with_video=name == "a.mp4", seconds=2.0, audio_codec=codec)
    path.write_bytes(path.read_bytes() * 2)
    info = probe(path)
    assert info.duration_seconds == pytest.approx(2.0, abs=0.1)
    assert info.missing_seconds == pytest.approx(2.0, abs=0.1)
    assert info.remarks[-1].startswith("the last 50% of the file's bytes are not read")


@pytest.mark.parametrize("suffix", ["mkv", "flv", "ts", "mp4"])
def test_tracks_that_both_begin_late_are_no_cut(tmp_path, write_media, clip_clock, suffix):
    path = write_media(
        tmp_path / f"late.{suffix}",
        [clip_clock.frame(k) for k in range(50)],
        7.0 + np.arange(50) / 25,
        [np.zeros(88_200, np.float32)],
        sample_rate=44_100,
        sound_start_seconds=7.0,
    )
    info = probe(path)
    assert info.duration_seconds == pytest.approx(2.0, abs=0.1)
    assert info.missing_seconds < 0.2


@pytest.mark.parametrize(("rate", "expected"), [(300_000_000, None), (16_000, 1.25)])
def test_a_length_that_rounds_to_nothing_is_not_stated(rate, expected, tmp_path):
    fields = struct.pack("<4sIHHIIHH4sI", b"fmt ", 16, 1, 1, rate, rate, 1, 8, b"data", 20_000)
    content = b"WAVE" + fields + bytes(range(200)) * 100
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(content)) + content)
    assert read_header(path).duration_seconds == expected


def test_a_header_that_claims_years_is_not_believed(make_clip):
    path = make_clip("a.mkv")
    content = path.read_bytes()
    place = content.index(b"\x44\x89\x88") + 3
    path.write_bytes(content[:place] + struct.pack(">d", 1e13) + content[place + 8 :])
    assert read_header(path).duration_seconds == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize(("suffix", "codec"), [("aac", "aac"), ("mp3", "libmp3lame")])
def test_a_sample_rate_that_changes_where_nothing_states_times_is_named(make_clip, suffix, codec):
    options = dict(with_video=False, audio_codec=codec)
    first = make_clip(f"a.{suffix}", sample_rate=48_000, **options)
    same = make_clip(f"b.{suffix}", sample_rate=48_000, **options)
    other = make_clip(f"c.{suffix}", sample_rate=16_000, **options).read_bytes()
    same.write_bytes(first.read_bytes() + same.read_bytes())
    assert not any("sample rate" in remark for remark in probe(same).remarks)
    first.write_bytes(first.read_bytes() + other)
    assert any("sample rate changes on the way" in remark for remark in probe(first).remarks)


def test_a_last_packet_that_states_no_length_lasts_as_the_one_before(make_clip):
    path = make_clip("a.flv", fps=2.0, with_sound=False, video_codec="flv")
    with av.open(str(path)) as container:
        assert not any(packet.duration for packet in container.demux())
    info = probe(path)
    assert info.duration_seconds == pytest.approx(3.0, abs=0.01)
    assert info.missing_seconds < 0.01


@pytest.mark.parametrize("fps", [2.0, 25.0])
def test_a_small_file_of_windows_media_is_no_cut(make_clip, fps):
    info = probe(make_clip("a.asf", fps=fps, with_sound=False, video_codec="msmpeg4v3"))
    assert info.missing_seconds < 0.1
    assert not info.remarks
