import struct

import numpy as np
import pytest

from macbdf_mm.media.box_scan import (
    first_part_end,
    has_joined_pieces,
    may_start_anew,
    page_end,
    stated_bytes,
)
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.probe import probe
from macbdf_mm.media.read_span import read_span

MP4 = "mov,mp4,m4a,3gp,3g2,mj2"


def with_edits(path, pieces):
    """Have the only track of an mp4 show pieces, ``(start, seconds)``; a start of -1 is a pause."""
    content = path.read_bytes()
    scale = struct.unpack_from(">I", content, content.index(b"mdhd") + 16)[0]
    place = content.index(b"elst") - 4
    first = struct.unpack_from(">i", content, place + 20)[0]
    rows = b"".join(
        struct.pack(
            ">Iihh", round(1000 * length), -1 if start < 0 else first + round(start * scale), 1, 0
        )
        for start, length in pieces
    )
    grown = len(rows) - 12 * struct.unpack_from(">I", content, place + 12)[0]
    total = round(1000 * sum(length for _, length in pieces))
    edited = bytearray(content)
    for kind in (b"moov", b"trak", b"edts", b"elst"):
        at = content.index(kind) - 4
        struct.pack_into(">I", edited, at, struct.unpack_from(">I", content, at)[0] + grown)
    struct.pack_into(">I", edited, content.index(b"mvhd") + 20, total)
    struct.pack_into(">I", edited, content.index(b"tkhd") + 24, total)
    struct.pack_into(">I", edited, place + 12, len(pieces))
    # The index stands behind the content, so nothing that it points at moves.
    assert content.index(b"moov") > content.index(b"mdat")
    edited[place + 16 : place + 16 + len(rows) - grown] = rows
    path.write_bytes(edited)


@pytest.fixture
def long_group(make_clip):
    return make_clip(seconds=3.0, gop=100, with_sound=False)


def test_pieces_that_an_edit_list_joins_are_all_seen(long_group, clip_clock):
    assert not has_joined_pieces(long_group, MP4)
    with_edits(long_group, [(0.0, 0.6), (1.6, 0.8)])
    assert has_joined_pieces(long_group, MP4)
    assert probe(long_group).duration_seconds == pytest.approx(1.4, abs=0.1)
    for start, expected in ((0.0, [2, 7, 12]), (0.6, [42, 47, 52]), (0.4, [12, 42, 47])):
        span = read_span(long_group, (start, start + 0.6), 3, 16_000)
        assert span.frame_valid.all()
        shown = np.array([clip_clock.read(image) for image in span.frames])
        # FFmpeg may put a picture more or less where the pieces meet.
        assert np.abs(shown - expected).max() <= 1


def test_a_pause_before_the_only_piece_is_no_join(long_group, clip_clock):
    with_edits(long_group, [(-1, 1.0), (0.4, 2.0)])
    assert not has_joined_pieces(long_group, MP4)
    with MediaFile(long_group) as file:
        assert file.clock.is_sought
    span = read_span(long_group, (0.0, 0.6), 3, 16_000)
    assert [clip_clock.read(image) for image in span.frames] == [12, 17, 22]


def test_what_can_start_anew(make_clip):
    for name, options, expected in (
        ("a.mp4", {}, False),
        ("b.mp4", {"movflags": "frag_keyframe+empty_moov"}, True),
        ("a.mkv", {}, False),
        ("a.ts", {}, True),
        ("a.avi", {}, False),
    ):
        path = make_clip(name, seconds=1.0, options=options)
        with MediaFile(path) as file:
            assert may_start_anew(path, file.container.format.name) is expected
    path = make_clip("b.mkv", seconds=1.0)
    path.write_bytes(path.read_bytes() * 2)
    assert may_start_anew(path, "matroska,webm")


@pytest.mark.parametrize("content", [b"", b"\0" * 20, b"\x1a\x45\xdf\xa3\x00", b"\0\0\0\1moov"])
def test_nothing_is_read_beyond_a_damaged_structure(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    assert not has_joined_pieces(path, MP4)
    assert not may_start_anew(path, MP4)
    assert isinstance(may_start_anew(path, "matroska,webm"), bool)


SIZED = {
    "wav": dict(with_video=False, audio_codec="pcm_s16le"),
    "avi": dict(video_codec="mpeg4", audio_codec="pcm_s16le"),
    "w64": dict(with_video=False, audio_codec="pcm_s16le"),
    "caf": dict(with_video=False, audio_codec="pcm_s16be"),
    "asf": dict(video_codec="msmpeg4v3", audio_codec="libmp3lame"),
    "rf64.wav": dict(with_video=False, audio_codec="pcm_s16le", options={"rf64": "always"}),
}


@pytest.mark.parametrize("suffix", SIZED)
def test_a_file_that_states_its_size_is_seen_to_be_cut(make_clip, suffix):
    path = make_clip(f"a.{suffix}", **SIZED[suffix])
    content = path.read_bytes()
    assert stated_bytes(path) == len(content)
    assert probe(path).missing_seconds <= 0.1
    path.write_bytes(content[: len(content) // 3])
    assert stated_bytes(path) == len(content)
    info = probe(path)
    assert info.duration_seconds + info.missing_seconds == pytest.approx(3.0, rel=0.2)


@pytest.mark.parametrize("suffix", SIZED)
def test_a_size_that_no_file_has_is_not_believed(make_clip, suffix):
    path = make_clip(f"a.{suffix}", **SIZED[suffix])
    content = path.read_bytes()
    for bad in (b"\0" * 8, b"\xff" * 8, b"\xff" * 3 + b"\x7f" + b"\xff" * 3 + b"\x7f"):
        for place in range(4, min(len(content), 200), 4):
            path.write_bytes(content[:place] + bad + content[place + 8 :])
            assert (stated_bytes(path) or 0) < 10**17


def test_what_states_no_size(make_clip, tmp_path):
    assert stated_bytes(make_clip()) is None
    for start in (b"", b"RIFF", b"RF64", b"caff", b"caff" + bytes(60), b"RIFF\xff\xff\xff\xffWAVE"):
        (tmp_path / "a").write_bytes(start)
        assert not stated_bytes(tmp_path / "a")


@pytest.mark.parametrize("options", [{}, {"movflags": "faststart"}])
def test_a_second_movie_begins_where_the_first_file_ends(make_clip, options):
    path = make_clip(seconds=1.0, options=options)
    content = path.read_bytes()
    assert first_part_end(path, MP4) is None
    path.write_bytes(content * 2)
    assert first_part_end(path, MP4) == len(content)
    # Without its brand, the second begins with its index.
    second = content[int.from_bytes(content[:4]) :]
    path.write_bytes(content + second)
    assert first_part_end(path, MP4) == len(content) + second.index(b"moov") - 4


def test_a_second_wav_begins_where_the_first_ends(make_clip):
    path = make_clip("a.wav", with_video=False, audio_codec="pcm_s16le")
    content = path.read_bytes()
    assert first_part_end(path, "wav") is None
    path.write_bytes(content * 2)
    assert first_part_end(path, "wav") == len(content)
    assert first_part_end(path, "ogg") is None


def test_an_ogg_page_ends_where_a_packet_is_complete(tmp_path):
    def page(position, content):
        lacing = bytes([255] * (len(content) // 255) + [len(content) % 255])
        head = b"OggS" + bytes(2) + position + bytes(12) + bytes([len(lacing)])
        return head + lacing + content

    whole = page(bytes(8), bytes(300))
    begun = page(b"\xff" * 8, bytes(255))
    path = tmp_path / "a.ogg"
    path.write_bytes(whole + begun + whole + whole[:20])
    assert page_end(path, 0) == len(whole)
    assert page_end(path, len(whole)) == 2 * len(whole) + len(begun)
    assert page_end(path, 2 * len(whole) + len(begun)) == 2 * len(whole) + len(begun)
