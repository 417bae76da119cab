import struct
from dataclasses import replace

import numpy as np
import pytest

from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.media.decord_reader import _refuse_lists, read_frames_decord
from macbdf_mm.media.frames import read_frames
from macbdf_mm.media.media_file import MediaFile


def test_frames_equal_those_of_pyav(make_clip):
    path = make_clip()
    times = [0.02, 0.5, 0.51, 1.3, 2.96, 3.2]
    with MediaFile(path) as file:
        frames, valid = read_frames_decord(file, times)
        expected, expected_valid = read_frames(file, times)
    np.testing.assert_array_equal(valid, expected_valid)
    np.testing.assert_array_equal(frames, expected)


def test_short_side(make_clip, clip_clock):
    with MediaFile(make_clip()) as file:
        frames, _ = read_frames_decord(file, [0.5, 1.0], short_side=32)
    assert frames.shape == (2, 32, 48, 3)
    assert [clip_clock.read(frame) for frame in frames] == [12, 25]


def test_containers_without_timestamps_are_refused(make_clip):
    path = make_clip("a.avi", video_codec="libx264", with_sound=False)
    message = r"no timestamps .* use `backend='pyav'`"
    with MediaFile(path) as file, pytest.raises(UndecodableMediaError, match=message):
        read_frames_decord(file, [0.5])


@pytest.mark.parametrize(
    ("name", "video_codec", "audio_codec", "num_parts"),
    [
        ("a.ts", "libx264", "aac", 1),
        ("a.asf", "msmpeg4v3", "libmp3lame", 1),
        ("a.mkv", "libx264", "aac", 2),
    ],
)
def test_files_in_which_decord_shows_other_moments_are_refused(
    make_clip, name, video_codec, audio_codec, num_parts
):
    path = make_clip(
        name, video_codec=video_codec, audio_codec=audio_codec, sample_rate=44_100, seconds=2.0
    )
    path.write_bytes(path.read_bytes() * num_parts)
    message = "decord shows pictures of other moments .* use `backend='pyav'`"
    with MediaFile(path) as file, pytest.raises(UndecodableMediaError, match=message):
        read_frames_decord(file, [0.5])


def test_mirrored_pictures_are_refused(make_clip):
    path = make_clip(seconds=1.0)
    content = path.read_bytes()
    place = content.index(b"tkhd") + 44
    mirror = struct.pack(">9i", -1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(content[:place] + mirror + content[place + 36 :])
    with MediaFile(path) as file, pytest.raises(UndecodableMediaError, match="mirrored pictures"):
        read_frames_decord(file, [0.5])
    with MediaFile(make_clip("turned.mp4", rotation=90)) as file:
        _, shown = read_frames_decord(file, [0.5])
    assert shown.all()


def test_what_decord_cannot_read_is_named(make_clip):
    with (
        MediaFile(make_clip("a.m4a", with_video=False)) as file,
        pytest.raises(UndecodableMediaError, match="decord cannot read it"),
    ):
        read_frames_decord(file, [0.5])


def test_a_refusal_says_what_decord_says_without_its_source_lines(make_clip):
    path = make_clip(gop=12)
    with MediaFile(path) as file:
        packets = [(p.pos, p.size) for p in file.container.demux(video=0) if p.size]
    content = bytearray(path.read_bytes())
    for position, size in packets:
        content[position : position + size] = bytes(size)
    path.write_bytes(content)
    with (
        MediaFile(path) as file,
        pytest.raises(UndecodableMediaError, match=r"decord cannot read it \(.+\)") as caught,
    ):
        read_frames_decord(file, [0.5])
    assert ".cc:" not in str(caught.value)


def test_files_that_begin_between_key_frames_are_refused(make_clip):
    path = make_clip(
        frame_seconds=np.arange(50) / 25 - 0.5, options={"avoid_negative_ts": "disabled"}
    )
    message = "was cut without re-encoding and keeps frames from before its start"
    with MediaFile(path) as file, pytest.raises(UndecodableMediaError, match=message):
        read_frames_decord(file, [0.5])


def test_times_count_from_the_first_frame_and_not_from_the_stream(make_clip, clip_clock):
    with MediaFile(make_clip()) as file:
        # As where the first pictures of the stream do not decode.
        video = replace(file.video, stated_start_seconds=file.video.first_seconds - 0.4)
        file.__dict__["_tracks"] = (video, file.audio)
        frames, _ = read_frames_decord(file, [0.1, 0.5])
    assert [clip_clock.read(frame) for frame in frames] == [12, 22]


@pytest.mark.parametrize(
    "text", [b"#EXTM3U\n#EXTINF:1,\n/other.ts\n", b"ID3\4\0\0\0\0\0\0#EXTM3U\n"]
)
def test_a_file_that_decord_could_follow_elsewhere_is_refused(make_clip, text):
    path = make_clip("a.ts", seconds=1.0)
    path.write_bytes(text + path.read_bytes())
    with (
        MediaFile(path) as file,
        pytest.raises(UndecodableMediaError, match="lists of other files; use `backend='pyav'`"),
    ):
        read_frames_decord(file, [0.1])


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "avi", "ts"])
def test_usual_containers_are_not_taken_for_lists(make_clip, suffix):
    _refuse_lists(make_clip(f"a.{suffix}", seconds=1.0))
