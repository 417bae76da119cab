import numpy as np
import pytest

from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.media.frames import shown_frames
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.probe import probe
from macbdf_mm.media.read_span import read_span
from macbdf_mm.prepare.faces.crop_settings import CropSettings
from macbdf_mm.prepare.faces.write_face_crop import write_face_crop
from macbdf_mm.structures.face_track import FaceTrack

WIDTH, HEIGHT, HEAD = 320, 240, 64


def track_of(place, seconds, start=0.0):
    times = start + np.arange(int(seconds * 10) + 1) / 10
    corners = np.array([place(t) for t in times], np.float64)
    boxes = np.concatenate([corners, corners + HEAD], axis=1) / [WIDTH, HEIGHT, WIDTH, HEIGHT]
    return FaceTrack(times, boxes)


def moving(t):
    return 40 + round(60 * t), 80


@pytest.mark.parametrize("form", ["mp4", "jpeg"])
def test_the_crop_shows_the_head_as_it_was_rendered(make_face_clip, talking_head, tmp_path, form):
    settings = CropSettings(form, size=HEAD, margin=1.0)
    path = tmp_path / f"crops/a{settings.suffix}"
    track = track_of(moving, 1.9)
    written = write_face_crop(make_face_clip(places=[moving]), track, path, settings)
    assert (written.start_seconds, written.num_frames) == (0.0, 50)
    assert written.end_seconds == pytest.approx(2.0)
    span = read_span(path, (0.0, 2.0), 50, 16_000)
    assert span.frame_valid.all()
    difference = np.abs(span.frames.astype(int) - talking_head.frames)
    # Twice compressed, and the box is up to half a pixel off.
    assert difference.mean() < 12
    wrong = np.abs(span.frames.astype(int) - np.roll(talking_head.frames, 20, axis=2)).mean()
    assert wrong > 2 * difference.mean()


@pytest.mark.parametrize("form", ["mp4", "jpeg"])
def test_sound_stays_in_sync(make_face_clip, clip_clock, tmp_path, form):
    settings = CropSettings(form, size=HEAD)
    path = tmp_path / f"a{settings.suffix}"
    # Long enough for several pieces of sound, and a track that begins within the clip.
    source = make_face_clip(places=[moving], seconds=4.5, size=(240, 400))
    track = track_of(lambda t: (40, 80), 3.1, start=1.0)
    written = write_face_crop(source, track, path, settings)
    assert written.start_seconds == pytest.approx(0.52, abs=1e-3)
    assert written.end_seconds == pytest.approx(4.5, abs=0.05)
    for start in (0.0, 1.2, 2.9):
        span = read_span(path, (start, start + 0.8), 4, 16_000)
        assert span.audio_valid.all()
        began = written.start_seconds + start
        assert abs(clip_clock.lag_seconds(span.waveform, 16_000, began)) <= 0.5e-3
    # The joins of the pieces cannot be told: what is read equals what the source has.
    whole = read_span(path, (0.0, 3.5), 1, 16_000).waveform
    began = written.start_seconds
    expected = read_span(source, (began, began + 3.5), 1, 16_000).waveform
    assert np.abs(whole - expected).max() < 2 / 32_767


def test_a_variable_frame_rate_is_kept(make_face_clip, tmp_path):
    times = np.concatenate([np.arange(10) * 0.04, 0.4 + np.arange(9) * 0.13])
    source = make_face_clip(frame_seconds=times)
    path = tmp_path / "a.mp4"
    written = write_face_crop(
        source, track_of(lambda t: (120, 80), 1.4), path, CropSettings(size=32)
    )
    assert written.num_frames == 19
    with MediaFile(path) as file:
        shown = [seconds for _, seconds in shown_frames(file, (0.0, 3.0))]
    np.testing.assert_allclose(shown, times, atol=1e-3)


def test_the_face_in_the_crop_has_the_margin_around_it(make_clip, tmp_path):
    # 0.5 x 96 by 0.25 x 64 pixels: the width decides.
    track = FaceTrack(np.array([0.0, 3.0]), np.array([[0.2, 0.3, 0.7, 0.55]] * 2))
    settings = CropSettings(size=32, margin=2.0)
    written = write_face_crop(make_clip(), track, tmp_path / "a.mp4", settings)
    np.testing.assert_allclose(written.face_box, [0.25, 0.5 - 1 / 12, 0.75, 0.5 + 1 / 12])


def test_sound_that_begins_late_ends_early_or_is_missing_stays_so(make_clip, tmp_path):
    track = FaceTrack(np.array([0.0, 3.0]), np.array([[0.2, 0.2, 0.8, 0.8]] * 2))
    settings = CropSettings(size=32)
    late = make_clip("late.mp4", seconds=3.0, sound_start_seconds=0.5, sound_seconds=1.5)
    write_face_crop(late, track, tmp_path / "a.mp4", settings)
    valid = read_span(tmp_path / "a.mp4", (0.0, 3.0), 1, 16_000).audio_valid
    there = np.flatnonzero(valid)
    assert there[0] / 16_000 == pytest.approx(0.5, abs=0.07)  # AAC's own frames of 64 ms
    assert there[-1] / 16_000 == pytest.approx(2.0, abs=0.07)
    mute = make_clip("mute.mp4", with_sound=False)
    write_face_crop(mute, track, tmp_path / "b.mp4", settings)
    assert not probe(tmp_path / "b.mp4").has_audio


def test_a_track_outside_of_the_file_is_an_error_and_leaves_nothing(make_clip, tmp_path):
    track = FaceTrack(np.array([9.0]), np.array([[0.2, 0.2, 0.8, 0.8]]))
    with pytest.raises(UndecodableMediaError, match=r"no frame from 9\.00 to 9\.00 s"):
        write_face_crop(make_clip(), track, tmp_path / "crops/a.mp4", CropSettings(size=32))
    assert list((tmp_path / "crops").iterdir()) == []
