import cv2
import numpy as np
import pytest

from macbdf_mm.errors import MissingDataError, UndecodableMediaError
from macbdf_mm.media.media_file import (
    SOUND_SUFFIXES,
    VIDEO_SUFFIXES,
    candidate_streams,
    decode_from,
    decode_stream,
    frame_seconds,
    open_container,
    read_packets,
    seek,
    to_seconds,
)


def test_streams_in_order_of_preference(tmp_path, write_media, clip_clock):
    path = write_media(
        tmp_path / "a.mp4",
        [clip_clock.frame(k) for k in range(10)],
        np.arange(10) / 25,
        [np.zeros(8000, np.float32)] * 2,
    )
    with open_container(path) as container:
        assert [stream.index for stream in candidate_streams(container, "audio")] == [1, 2]
        assert [stream.type for stream in candidate_streams(container, "video")] == ["video"]


def test_decode_from_starts_at_or_before_the_moment(make_clip):
    with open_container(make_clip()) as container:
        stream = container.streams.video[0]
        for moment in (0.0, 0.5, 1.3, 2.9):
            frames = decode_from(container, stream, moment, moment, 0.0)
            first = frame_seconds(next(frames), container)
            assert moment - 0.6 < first <= moment


def test_decoding_stops_soon_after_the_end_of_a_short_track(make_clip):
    path = make_clip(seconds=40.0, fps=5, sound_seconds=1.0)
    with open_container(path) as container:
        stream = container.streams.audio[0]
        last = max(
            frame_seconds(frame, container) for frame in decode_stream(container, stream, 0.0, 2.0)
        )
        assert last < 1.1
        # The rest of the file was not read for it.
        following = next(container.demux(container.streams.video[0]))
        assert following.pts * following.time_base < 20.0


def test_unknown_times_are_none():
    assert to_seconds(None, None) is None
    assert to_seconds(3, None) is None


@pytest.mark.parametrize("name", ["picture.png", "clip.mp4"])
def test_pictures_are_no_clips(tmp_path, name):
    encoded = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1]
    (tmp_path / name).write_bytes(encoded.tobytes())
    with pytest.raises(UndecodableMediaError, match="no audio or video file"):
        open_container(tmp_path / name)


def test_playlists_open_nothing_else(tmp_path, make_clip):
    make_clip("real.mp4")
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile real.mp4\n")
    with pytest.raises(UndecodableMediaError, match="no audio or video file"):
        open_container(tmp_path / "list.mp4")


def test_addresses_are_no_files():
    with pytest.raises(MissingDataError, match="No file at"):
        open_container("http://localhost/a.mp4")


def test_pictures_beyond_the_limit_are_not_decoded(make_clip, monkeypatch):
    monkeypatch.setattr("macbdf_mm.media.media_file._MAX_PIXELS", 64 * 64)
    with open_container(make_clip()) as container:
        stream = container.streams.video[0]
        assert not any(decode_stream(container, stream, 0.0, 3.0))


def test_a_moment_that_no_timestamp_can_state_is_not_found(make_clip):
    with open_container(make_clip()) as container:
        assert seek(container, container.streams.video[0], 1.0)
        assert not seek(container, container.streams.video[0], 1e30)


def test_a_stream_that_appears_in_the_middle_ends_the_reading(make_clip):
    path = make_clip("a.ts", seconds=1.0)
    content = path.read_bytes()
    # Later packets of the sound under another number, which the programme's table lacks.
    packets = [bytearray(content[k : k + 188]) for k in range(0, len(content), 188)]
    for packet in packets[len(packets) // 2 :]:
        if packet[1] & 0x1F == 0x01 and packet[2] == 0x01:
            packet[2] = 0x77
    path.write_bytes(b"".join(packets))
    with open_container(path) as container:
        streams = list(container.streams)
        assert len(list(read_packets(container, streams))) > 10


def test_suffixes_are_lower_case_with_a_dot_and_of_one_kind():
    suffixes = VIDEO_SUFFIXES + SOUND_SUFFIXES
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in suffixes)
    assert len(set(suffixes)) == len(suffixes)
    assert {".mp4", ".webm", ".avi", ".mov"} <= set(VIDEO_SUFFIXES)
    assert {".wav", ".flac", ".m4a"} <= set(SOUND_SUFFIXES)
