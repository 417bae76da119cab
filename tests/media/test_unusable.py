"""What of a real file, decoded as in a test, cannot be judged."""

import numpy as np
import pytest

from macbdf_mm.media.read_span import read_span
from macbdf_mm.media.unusable import unusable_tracks

RATE = 16_000


def read(path, span=(0.0, 1.28)):
    """Return what is unusable in a span of a file, read as the demo's test reads it."""
    read = read_span(path, span, 16, RATE)
    assert read.frames is not None
    return unusable_tracks(
        list(read.frames),
        read.frame_valid,
        read.waveform,
        read.audio_valid,
        RATE,
        read.picture_seconds,
    )


@pytest.fixture
def write(write_media, talking_head, tmp_path):
    """Return a function that writes a talking head after changing its pictures and sound."""

    def write(change_picture=None, change_sound=None, fps=25, **options):
        count = len(talking_head.frames)
        times = np.arange(round(2 * fps)) / fps
        frames = [talking_head.frames[int(t * 25) % count] for t in times]
        if change_picture is not None:
            frames = [change_picture(t, frame) for t, frame in zip(times, frames, strict=True)]
        sound = np.asarray(talking_head.waveform, np.float32)
        if change_sound is not None:
            sound = change_sound(np.arange(len(sound)) / RATE, sound).astype(np.float32)
        return write_media(tmp_path / "clip.mp4", frames, times, [sound], fps=fps, **options)

    return write


def colour(level, until):
    return lambda t, frame: np.full_like(frame, level) if t < until else frame


def silent(until, level=0.0):
    return lambda t, sound: np.where(t < until, level * np.sin(2e3 * t), sound)


def test_a_talking_head_is_usable_in_every_window(write):
    path = write()
    for start in (0.0, 0.32, 0.64):
        assert read(path, (start, start + 1.28)) == {}
        assert read(path, (start, start + 0.64)) == {}


@pytest.mark.parametrize("level", [0, 16, 255])
def test_half_a_second_of_one_colour_and_silence(write, level):
    path = write(colour(level, 0.5), silent(0.5))
    assert read(path) == {"video": "blank", "audio": "silent"}
    assert read(path, (0.6, 1.88)) == {}
    # As a pause of a voice, it is not unusual.
    assert read(write(None, silent(0.5))) == {}


def test_silence_all_along_and_a_voice_that_is_only_low(write):
    assert read(write(None, silent(2.0))) == {"audio": "silent"}
    assert read(write(None, lambda t, sound: 0.01 * sound)) == {}
    assert read(write(None, silent(0.8))) == {"audio": "silent"}


def test_a_track_that_ends_early_or_begins_late(write, make_clip):
    path = write(change_sound=lambda t, sound: sound[t < 1.6])
    assert read(path, (0.5, 1.78)) == {"audio": "incomplete"}
    assert read(path, (0.36, 1.64)) == {}
    assert read(path, (0.0, 1.28)) == {}
    assert read(make_clip(seconds=1.1)) == {"video": "incomplete", "audio": "incomplete"}
    assert read(make_clip(seconds=1.24)) == {}


def test_a_track_that_is_not_there_is_not_unusable(write, make_clip):
    assert read(write(), (5.0, 6.28)) == {}
    assert read(make_clip(seconds=2.0, with_sound=False)) == {}


def test_a_picture_that_stands_still(write, talking_head):
    def stand(t, frame):
        return talking_head.frames[0] if t < 0.6 else frame

    assert read(write(stand)) == {"video": "frozen"}
    assert read(write(stand), (0.7, 1.98)) == {}
    assert read(write(stand, silent(0.6))) == {"video": "frozen", "audio": "silent"}


@pytest.mark.parametrize("fps", [2, 4, 12.5, 60])
def test_a_low_or_a_high_frame_rate_is_no_still_picture(write, fps):
    # At 2 a second, a picture is shown in six or seven of the steps of 0.08 s.
    assert read(write(fps=fps)) == {}
