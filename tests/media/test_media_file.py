import struct

import av
import numpy as np
import pytest

from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.media.frames import read_frames
from macbdf_mm.media.media_file import MediaFile
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


def test_pictures_before_the_first_key_frame_are_left_out(make_clip, monkeypatch):
    with MediaFile(make_clip(gop=12)) as file:
        frames = list(file.decode_from(file.video, 0.0, 3.0))
        assert not frames[1].key_frame
        # As a decoder does that shows what it makes of the middle of a group of pictures.
        monkeypatch.setattr(MediaFile, "decode", lambda *args: iter(frames[1:]))
        first = next(file.decode_from(file.video, 1.0, 3.0))
        assert first is next(frame for frame in frames[1:] if frame.key_frame)
