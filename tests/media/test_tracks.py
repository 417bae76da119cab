import cv2
import numpy as np
import pytest

from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.media.media_file import MediaFile


def tracks_of(path):
    with MediaFile(path) as file:
        return file.video, file.audio


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


def test_a_file_of_text_is_called_what_it_is(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_text(
        "1\n00:00:01,000 --> 00:00:02,000\nHello\n\n2\n00:00:03,000 --> 00:00:04,000\nYou\n"
    )
    message = r"clip\.mp4 has neither a video nor a sound stream \(FFmpeg takes it for srt\)\.$"
    with pytest.raises(UndecodableMediaError, match=message), MediaFile(path) as file:
        assert file.video
