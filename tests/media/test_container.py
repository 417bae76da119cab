import os
from pathlib import Path
from socket import AF_UNIX, socket

import cv2
import numpy as np
import pytest

from macbdf_mm.errors import MissingDataError, UndecodableMediaError
from macbdf_mm.media.container import SOUND_SUFFIXES, VIDEO_SUFFIXES
from macbdf_mm.media.decoding_process import DecodingProcess
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.probe import probe
from macbdf_mm.utils.jobs import is_passing


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
    with MediaFile(name) as file:
        assert file.video.size == (64, 96)
        assert file.audio is not None


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


def test_a_locked_file_is_not_called_damaged(make_clip, tmp_path, monkeypatch):
    make_clip()
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    os.chmod("clip.mp4", 0)
    before = os.geteuid()
    try:
        if not before:  # For root no file is locked.
            os.seteuid(65534)
        with pytest.raises(UndecodableMediaError, match="cannot be opened: Permission den") as info:
            MediaFile("clip.mp4")
    finally:
        os.seteuid(before)
    assert is_passing(info.value)
