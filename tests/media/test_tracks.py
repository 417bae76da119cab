import numpy as np

from macbdf_mm.media.media_file import open_container
from macbdf_mm.media.tracks import find_tracks


def tracks_of(path):
    with open_container(path) as container:
        return find_tracks(container)


def test_first_frames_and_when_they_are_shown(make_clip):
    video, audio = tracks_of(make_clip(frame_seconds=0.2 + np.arange(50) / 25))
    assert (video.index, audio.index) == (0, 1)
    assert video.first_seconds - audio.first_seconds > 0.1
    assert (video.first_frame.width, video.first_frame.height) == (96, 64)
    assert audio.first_frame.sample_rate == 16_000


def test_single_tracks(make_clip):
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
