import numpy as np

from macbdf_mm.media.decoding_process import DecodingProcess
from macbdf_mm.reports.video_page_media import read_page_media


def test_frames_are_those_that_are_shown_at_the_moments(make_clip, clip_clock):
    path = make_clip(seconds=2.0)
    with DecodingProcess() as process:
        media = process.call(read_page_media, path, 2.0, [0.41, 1.21, 5.0])
    assert [clip_clock.read(frame) for frame in media.frames[:2]] == [10, 30]
    assert media.frames[2] is None
    assert media.decibels.shape == (64, 200)
    assert not np.isnan(media.decibels[:, 5:-5]).any()


def test_a_file_with_one_track(make_clip):
    mute = read_page_media(make_clip("mute.mp4", seconds=1.0, with_sound=False), 1.0, [0.5])
    assert mute.decibels is None
    assert mute.frames[0] is not None
    sound = read_page_media(make_clip("sound.m4a", seconds=1.0, with_video=False), 1.0, [0.5])
    assert list(sound.frames) == [None]
    assert sound.decibels is not None


def test_large_frames_are_shrunk(make_face_clip):
    path = make_face_clip(seconds=0.2, size=(480, 640))
    assert read_page_media(path, 0.2, [0.1]).frames[0].shape == (200, 267, 3)
