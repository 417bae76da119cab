import numpy as np
import pytest

from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.media.decord_reader import read_frames_decord
from macbdf_mm.media.media_file import open_container
from macbdf_mm.media.pyav_reader import PyAVReader


def test_frames_equal_those_of_pyav(make_clip):
    path = make_clip()
    times = [0.02, 0.5, 0.51, 1.3, 2.96, 3.2]
    frames, valid = read_frames_decord(path, times)
    with PyAVReader(path) as reader:
        expected, expected_valid = reader.read_frames(times)
    np.testing.assert_array_equal(valid, expected_valid)
    np.testing.assert_array_equal(frames, expected)


def test_short_side(make_clip, clip_clock):
    frames, _ = read_frames_decord(make_clip(), [0.5, 1.0], short_side=32)
    assert frames.shape == (2, 32, 48, 3)
    assert [clip_clock.read(frame) for frame in frames] == [12, 25]


def test_containers_without_timestamps_are_refused(make_clip):
    path = make_clip("a.avi", video_codec="libx264", with_sound=False)
    with pytest.raises(UndecodableMediaError, match=r"no timestamps .* use `backend='pyav'`"):
        read_frames_decord(path, [0.5])


def test_what_decord_cannot_read_is_named(make_clip):
    with pytest.raises(UndecodableMediaError, match="decord cannot read it"):
        read_frames_decord(make_clip("a.m4a", with_video=False), [0.5])


def test_a_refusal_says_what_decord_says_without_its_source_lines(make_clip):
    path = make_clip(gop=12)
    with open_container(path) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    content = bytearray(path.read_bytes())
    for position, size in packets:
        content[position : position + size] = bytes(size)
    path.write_bytes(content)
    with pytest.raises(UndecodableMediaError, match=r"decord cannot read it \(.+\)") as caught:
        read_frames_decord(path, [0.5])
    assert ".cc:" not in str(caught.value)
