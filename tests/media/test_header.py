import pytest

from macbdf_mm.errors import MissingDataError, UndecodableMediaError
from macbdf_mm.media.header import MediaHeader, read_header
from macbdf_mm.media.probe import probe


@pytest.mark.parametrize(("video", "sound"), [(True, True), (True, False), (False, True)])
def test_a_header_says_what_probing_finds(make_clip, video, sound):
    name = "clip.mp4" if video else "clip.m4a"
    path = make_clip(name, seconds=1.2, with_video=video, with_sound=sound)
    header, found = read_header(path), probe(path)
    assert (header.has_video, header.has_audio) == (found.has_video, found.has_audio)
    assert header.duration_seconds == pytest.approx(found.duration_seconds, abs=0.1)


def test_a_silent_track_is_a_track(make_clip):
    assert read_header(make_clip(silent=True)).has_audio


def test_a_cut_file_keeps_what_its_header_claims(make_clip):
    path = make_clip(seconds=2.0, options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert read_header(path) == MediaHeader(True, True, pytest.approx(2.0, abs=0.1))
    assert probe(path).duration_seconds < 1.5


def test_what_is_no_clip(tmp_path):
    with pytest.raises(MissingDataError, match=r"No file at .*gone\.mp4"):
        read_header(tmp_path / "gone.mp4")
    (tmp_path / "text.mp4").write_text("nothing")
    with pytest.raises(UndecodableMediaError, match=r"text\.mp4 is not a media file"):
        read_header(tmp_path / "text.mp4")
