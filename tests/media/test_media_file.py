import os
import struct
from fractions import Fraction
from pathlib import Path
from socket import AF_UNIX, socket

import av
import cv2
import numpy as np
import pytest

from macbdf_mm.errors import MissingDataError, UndecodableMediaError
from macbdf_mm.media.decoding_process import DecodingProcess
from macbdf_mm.media.frames import read_frames
from macbdf_mm.media.media_file import (
    SOUND_SUFFIXES,
    VIDEO_SUFFIXES,
    MediaFile,
    length_of,
    to_seconds,
)
from macbdf_mm.media.probe import probe
from macbdf_mm.media.read_span import read_span
from macbdf_mm.media.sound import read_waveform


def tracks_of(path):
    with MediaFile(path) as file:
        return file.video, file.audio


def test_streams_in_order_of_preference(tmp_path, write_media, clip_clock):
    path = write_media(
        tmp_path / "a.mp4",
        [clip_clock.frame(k) for k in range(10)],
        np.arange(10) / 25,
        [np.zeros(8000, np.float32)] * 2,
    )
    with MediaFile(path) as file:
        assert [stream.index for stream in file.candidates("audio")] == [1, 2]
        assert [stream.type for stream in file.candidates("video")] == ["video"]


def test_decode_from_starts_at_or_before_the_moment(make_clip):
    with MediaFile(make_clip()) as file:
        for moment in (0.0, 0.5, 1.3, 2.9):
            first = file.seconds_of(next(file.decode_from(file.video, moment, moment)))
            assert moment - 0.6 < first <= moment


@pytest.mark.parametrize("moment", [0.5, 1.5, 2.5])
def test_a_seek_that_lands_too_late_is_tried_further_back(make_clip, moment):
    # A transport stream has no index of key frames: a seek lands anywhere, and the first one
    # behind it can be later than the moment.
    with MediaFile(make_clip("a.ts", gop=40)) as file:
        moment += file.zero_seconds
        first = next(file.decode_from(file.video, moment, moment))
        assert first.key_frame
        assert file.seconds_of(first) <= moment


def test_further_back_is_tried_before_the_whole_file_is_decoded(make_clip, monkeypatch):
    with MediaFile(make_clip("a.ts", gop=40)) as file:
        moment = file.zero_seconds + 2.5
        monkeypatch.setattr(MediaFile, "restart", lambda self: pytest.fail("decodes all of it"))
        assert len(list(file.seek_before(file.video, moment))) > 1
        first = next(file.decode_from(file.video, moment, moment))
        assert file.seconds_of(first) <= moment


def test_nothing_is_read_after_a_seek_that_failed(make_clip, monkeypatch):
    with MediaFile(make_clip()) as file:
        monkeypatch.setattr(MediaFile, "seek", lambda *args: False)
        assert list(file.seek_before(file.video, 1.0)) == []
        assert file.seconds_of(next(file.decode_from(file.video, 1.0, 1.0))) == 0.0


def test_decoding_stops_soon_after_the_end_of_a_short_track(make_clip):
    path = make_clip(seconds=40.0, fps=5, sound_seconds=1.0)
    with MediaFile(path) as file:
        assert max(file.seconds_of(frame) for frame in file.decode(file.audio, 0.0, 2.0)) < 1.1
        # The rest of the file was not read for it.
        following = next(file.read_packets([file.stream(file.video)]))
        assert following.pts * following.time_base < 20.0


def test_unknown_times_are_none():
    assert to_seconds(None, None) is None
    assert to_seconds(3, None) is None


@pytest.mark.parametrize(
    ("ticks", "seconds"), [(0, 0.0), (500, 0.5), (2**32 - 374, 0.0), (2**31 - 1, 2147483.647)]
)
def test_how_long_a_packet_lasts(ticks, seconds):
    packet = av.Packet(b"1")
    packet.duration, packet.time_base = ticks, Fraction(1, 1000)
    assert length_of(packet) == seconds


def test_empty_packets_of_a_sound_show_no_picture_for_longer(tmp_path, clip_clock):
    path = tmp_path / "a.nut"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        audio = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        packets = []
        for number in range(10):
            packets += video.encode(av.VideoFrame.from_ndarray(clip_clock.frame(number)))
        packets += video.encode()
        for second in range(3):
            samples = np.full((1, 16_000), 1000 * (second + 1), np.int16)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16_000, 16_000 * second
            for packet in audio.encode(frame):
                empty = av.Packet(b"")
                empty.pts = empty.dts = packet.pts + 8_000
                empty.duration, empty.time_base = 8_000, packet.time_base
                empty.stream = audio
                packets += [packet, empty]
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    with MediaFile(path) as file:
        waveform, heard = read_waveform(file, (0.0, 3.0), 16_000)
        _, shown = read_frames(file, np.array([0.2, 0.9, 2.0]))
    assert heard.all()
    np.testing.assert_allclose(waveform[[8_000, 24_000, 40_000]], np.arange(1, 4) / 32.768, 1e-6)
    assert shown.tolist() == [True, False, False]


@pytest.mark.parametrize("name", ["picture.png", "clip.mp4"])
def test_pictures_are_no_clips(tmp_path, name):
    encoded = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1]
    (tmp_path / name).write_bytes(encoded.tobytes())
    with pytest.raises(UndecodableMediaError, match="no audio or video file"):
        MediaFile(tmp_path / name)


def test_playlists_open_nothing_else(tmp_path, make_clip):
    make_clip("real.mp4")
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile real.mp4\n")
    with pytest.raises(UndecodableMediaError, match="no audio or video file"):
        MediaFile(tmp_path / "list.mp4")


def test_a_list_is_refused_before_what_it_names_is_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile pipe\n")
    process = DecodingProcess(time_limit_seconds=20)
    with process, pytest.raises(UndecodableMediaError, match="no audio or video file"):
        process.call(probe, tmp_path / "list.mp4")


def test_addresses_are_no_files():
    with pytest.raises(MissingDataError, match="No file at"):
        MediaFile("http://localhost/a.mp4")


def make_link(path):
    path.symlink_to("gone.mp4")


def make_socket(path):
    socket(AF_UNIX).bind(str(path))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (os.mkfifo, r"a\.mp4 is no regular file but a pipe"),
        (lambda path: path.symlink_to("/dev/zero"), r"a\.mp4 is no regular file"),
        (make_socket, r"a\.mp4 is no regular file"),
        (make_link, r"a\.mp4 is a link to 'gone\.mp4', where no file is"),
        (lambda path: path.symlink_to("a.mp4"), r"a\.mp4 is a link to 'a\.mp4'"),
        (os.mkdir, r"a\.mp4 is a folder"),
    ],
    ids=["pipe", "device", "socket", "dead-link", "circle", "folder"],
)
def test_what_is_no_file_is_named(make, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # The name of a socket has to be short.
    make(Path("a.mp4"))
    with pytest.raises(MissingDataError, match=expected):
        MediaFile("a.mp4")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "http:a.mp4",
            "concat:a|b.mp4",
            "pipe:0",
            "file:a.mp4",
            "data:,a.mp4",
            "-a.mp4",
            "--json.mp4",
        ),
        *("img%03d.mp4", "a*?.mp4", "subfile,,start,0,end,9,,:a.mp4", "a.mp4#?x=1", "crypto:a.mp4"),
    ],
)
def test_the_name_of_a_file_is_no_address_and_no_pattern(name, make_clip, tmp_path, monkeypatch):
    make_clip("whole.mp4").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    video, audio = tracks_of(name)
    assert video.size == (64, 96)
    assert audio is not None


@pytest.mark.parametrize("rate", [1, 8, 15, 999, 768_001, 300_000_000])
def test_sound_of_no_usual_rate_is_refused(rate, tmp_path):
    fields = struct.pack("<4sIHHIIHH4sI", b"fmt ", 16, 1, 1, rate, rate, 1, 8, b"data", 20_000)
    content = b"WAVE" + fields + bytes(range(200)) * 100
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(content)) + content)
    with pytest.raises(UndecodableMediaError, match=rf"sound of {rate} Hz, .* MACBDF_MIN_SAMPLE"):
        tracks_of(path)


def test_pictures_beyond_the_limit_are_not_decoded(make_clip, monkeypatch):
    monkeypatch.setattr("macbdf_mm.media.limits.MAX_PIXELS", 64 * 64)
    for path in (make_clip(), make_clip("silent.mp4", with_sound=False)):
        with pytest.raises(UndecodableMediaError, match=r"pictures of 96x64, .* MACBDF_MAX_PIX"):
            tracks_of(path)


@pytest.mark.parametrize("size", [(2, 66), (66, 2)])
def test_strips_are_refused(size, tmp_path, write_media):
    frames = [np.full((*size, 3), 99, np.uint8)] * 4
    path = write_media(tmp_path / "a.mkv", frames, [0.0, 0.1, 0.2, 0.3], video_codec="mpeg4")
    with pytest.raises(UndecodableMediaError, match=r"32 times as long .* MACBDF_MAX_ASPECT_RATIO"):
        tracks_of(path)


def test_pictures_at_the_limit_are_decoded_though_their_blocks_exceed_it(
    tmp_path, write_media, monkeypatch
):
    monkeypatch.setattr("macbdf_mm.media.limits.MAX_PIXELS", 60 * 90)
    frames = [np.full((60, 90, 3), 99, np.uint8)] * 4
    path = write_media(tmp_path / "a.mp4", frames, [0.0, 0.1, 0.2, 0.3])
    assert tracks_of(path)[0].size == (60, 90)


def test_a_moment_that_no_timestamp_can_state_is_not_found(make_clip):
    with MediaFile(make_clip()) as file:
        assert file.seek(file.video, 1.0)
        assert not file.seek(file.video, 1e30)


def test_a_stream_that_appears_in_the_middle_ends_the_reading(make_clip):
    path = make_clip("a.ts", seconds=1.0)
    content = path.read_bytes()
    # Later packets of the sound under another number, which the programme's table lacks.
    packets = [bytearray(content[k : k + 188]) for k in range(0, len(content), 188)]
    for packet in packets[len(packets) // 2 :]:
        if packet[1] & 0x1F == 0x01 and packet[2] == 0x01:
            packet[2] = 0x77
    path.write_bytes(b"".join(packets))
    with MediaFile(path) as file:
        assert len(list(file.read_packets(list(file.container.streams)))) > 10


def test_suffixes_are_lower_case_with_a_dot_and_of_one_kind():
    suffixes = VIDEO_SUFFIXES + SOUND_SUFFIXES
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in suffixes)
    assert len(set(suffixes)) == len(suffixes)
    assert {".mp4", ".webm", ".avi", ".mov"} <= set(VIDEO_SUFFIXES)
    assert {".wav", ".flac", ".m4a"} <= set(SOUND_SUFFIXES)


def test_first_frames_and_when_they_are_shown(make_clip):
    video, audio = tracks_of(make_clip(frame_seconds=0.2 + np.arange(50) / 25))
    assert (video.index, audio.index) == (0, 1)
    assert video.first_seconds - audio.first_seconds > 0.1
    assert (video.first_frame.width, video.first_frame.height) == (96, 64)
    assert audio.first_frame.sample_rate == 16_000


def test_files_of_a_single_track(make_clip):
    assert tracks_of(make_clip("a.m4a", with_video=False))[0] is None
    assert tracks_of(make_clip("b.mp4", with_sound=False))[1] is None


def test_a_track_that_does_not_decode_gives_way_to_the_next(tmp_path, write_media, clip_clock):
    sound = clip_clock.sound(np.arange(16_000) / 16_000)
    path = write_media(tmp_path / "a.mov", sounds=[sound, sound], audio_codec="pcm_s16le")
    content = path.read_bytes()
    # The first track's description names a codec that there is not.
    path.write_bytes(content.replace(b"sowt", b"xxxx", 1))
    assert tracks_of(path)[1].index == 1


def test_sound_that_starts_late_is_found(make_clip):
    _, audio = tracks_of(make_clip("a.mkv", seconds=4.0, sound_start_seconds=2.5))
    assert abs(audio.first_seconds - 2.5) < 0.1


def test_neither_track_decodes(make_clip):
    path = make_clip(options={"movflags": "faststart"}, seconds=1.0)
    content = path.read_bytes()
    start = content.index(b"mdat") + 4
    path.write_bytes(content[:start])
    message = "neither video nor audio that can be decoded"
    with MediaFile(path) as file, pytest.raises(UndecodableMediaError, match=message):
        _ = file.video


def test_a_track_that_starts_after_half_a_minute_is_found(make_clip):
    path = make_clip("a.mkv", seconds=34.0, fps=2, sound_start_seconds=32.0)
    _, audio = tracks_of(path)
    assert audio.first_seconds == pytest.approx(32.0, abs=0.1)


def test_a_track_that_lies_behind_all_of_the_other_is_read(tmp_path, make_clip):
    source = make_clip("a.mp4", seconds=40.0, fps=5)
    path = tmp_path / "video_first.mkv"
    options = {"max_interleave_delta": "1"}
    with av.open(str(source)) as read, av.open(str(path), "w", options=options) as written:
        streams = {s.index: written.add_stream_from_template(s) for s in read.streams}
        packets = [packet for packet in read.demux() if packet.size]
        for packet in sorted(packets, key=lambda packet: packet.stream.type != "video"):
            packet.stream = streams[packet.stream.index]
            written.mux_one(packet)
    for start in (0.0, 20.0, 35.0):
        span = read_span(path, (start, start + 1.0), 4, 16_000)
        assert span.frame_valid.all()
        assert span.audio_valid.mean() > 0.99


def test_a_first_frame_that_waits_in_its_decoder_is_found(make_clip):
    # The second frame, which lets the first one go, comes after the search has ended.
    video, audio = tracks_of(make_clip("a.mkv", seconds=41.0, frame_seconds=[0.0, 40.0]))
    assert (video.first_seconds, audio.index) == (0.0, 1)


def test_the_cover_of_a_sound_file_is_no_video(tmp_path, write_media, clip_clock):
    path = write_media(
        tmp_path / "a.mp3",
        sounds=[clip_clock.sound(np.arange(32_000) / 16_000)],
        audio_codec="libmp3lame",
    )
    picture = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    cover = b"\0image/png\0\x03\0" + picture
    frame = b"APIC" + len(cover).to_bytes(4) + b"\0\0" + cover
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3\x03\0\0" + size + frame + path.read_bytes())
    with MediaFile(path) as file:
        assert len(file.container.streams.video) == 1
        assert file.candidates("video") == []
        assert (file.video, file.audio.sample_rate) == (None, 16_000)


def test_pictures_before_the_first_key_frame_are_left_out(make_clip, monkeypatch):
    with MediaFile(make_clip(gop=12)) as file:
        frames = list(file.decode_from(file.video, 0.0, 3.0))
        assert not frames[1].key_frame
        # As a decoder does that shows what it makes of the middle of a group of pictures.
        monkeypatch.setattr(MediaFile, "decode", lambda *args: iter(frames[1:]))
        first = next(file.decode_from(file.video, 1.0, 3.0))
        assert first is next(frame for frame in frames[1:] if frame.key_frame)
