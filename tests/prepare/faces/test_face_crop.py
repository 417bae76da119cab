import json

import av
import numpy as np
import pytest
from av.video.frame import PictureType

from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.media.frames import read_frames, shown_frames
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.probe import probe
from macbdf_mm.media.read_span import read_span
from macbdf_mm.media.sound import read_waveform
from macbdf_mm.prepare.faces.face_crop import CropSettings, CropWriter, write_face_crop
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
    # The last frame lasts as long as the one before, not as the average.
    assert written.end_seconds == pytest.approx(times[-1] + 0.13, abs=2e-3)
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


def test_a_gap_in_the_sound_becomes_silence(make_clip, tmp_path, monkeypatch):
    def read_with_gap(file, span, sample_rate):
        waveform, valid = read_waveform(file, span, sample_rate)
        moments = span[0] + np.arange(len(valid)) / sample_rate
        return waveform, valid & ~((moments >= 1.5) & (moments < 2.5))

    monkeypatch.setattr("macbdf_mm.prepare.faces.face_crop.read_waveform", read_with_gap)
    source = make_clip(seconds=4.0)
    track = FaceTrack(np.array([0.0, 4.0]), np.array([[0.2, 0.2, 0.8, 0.8]] * 2))
    write_face_crop(source, track, tmp_path / "a.mp4", CropSettings(size=32))
    made, expected = (
        read_span(path, (0.0, 4.0), 1, 16_000).waveform for path in (tmp_path / "a.mp4", source)
    )
    expected[24_000:40_000] = 0
    np.testing.assert_allclose(made, expected, atol=2 / 32_767)


def test_a_track_outside_of_the_file_is_an_error_and_leaves_nothing(make_clip, tmp_path):
    track = FaceTrack(np.array([9.0]), np.array([[0.2, 0.2, 0.8, 0.8]]))
    with pytest.raises(UndecodableMediaError, match=r"no frame from 9\.00 to 9\.00 s"):
        write_face_crop(make_clip(), track, tmp_path / "crops/a.mp4", CropSettings(size=32))
    assert list((tmp_path / "crops").iterdir()) == []


def test_quality_follows_the_format():
    assert (CropSettings("mp4").quality, CropSettings("jpeg").quality) == (18, 3)
    assert set(CropSettings("jpeg", quality=5).video_options.values()) == {"5"}
    assert CropSettings("mp4", quality=30).video_options["crf"] == "30"


def test_the_record_names_all_that_leaves_traces():
    record = json.loads(json.dumps(CropSettings("mp4", gop=8).record()))
    assert record["video_codec"] == "libx264"
    assert record["audio_codec"] == "flac"
    assert record["video_options"]["tune"] == "fastdecode"
    assert (record["size"], record["margin"], record["gop"], record["quality"]) == (224, 1.3, 8, 18)
    assert CropSettings("jpeg").record()["video_codec"] == "mjpeg"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(format="png"), "`format` 'mp4' or 'jpeg', got 'png'"),
        (dict(size=101), "`size` to be even and at least 16, got 101"),
        (dict(size=8), "`size` to be even and at least 16, got 8"),
        (dict(margin=0), "`margin` > 0, got 0"),
        (dict(gop=0), "`gop` > 0, got 0"),
        (dict(sample_rate=0), "`sample_rate` > 0, got 0"),
        (dict(max_hold_seconds=-1), "`max_hold_seconds` >= 0, got -1"),
        (dict(quality=52), r"`quality` in \[0, 51\] for mp4, got 52"),
        (dict(format="jpeg", quality=1), r"`quality` in \[2, 31\] for jpeg, got 1"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        CropSettings(**arguments)


@pytest.mark.parametrize(("form", "side"), [("mp4", 32), ("mp4", 112), ("jpeg", 32)])
def test_the_same_frames_have_the_same_bytes(tmp_path, form, side):
    """With x264's own choice of code, 16 crops had two outcomes at these sizes."""
    blocks = np.random.default_rng(0).integers(0, 256, (30, side // 2, side // 2, 3), np.uint8)
    frames = blocks.repeat(2, axis=1).repeat(2, axis=2)
    settings = CropSettings(form, size=side)
    written = set()
    for turn in range(16):
        path = tmp_path / f"{turn}{settings.suffix}"
        with CropWriter(path, settings, 25.0, with_sound=True) as writer:
            for index, image in enumerate(frames):
                writer.write_frame(image, index / 25)
            writer.write_sound(np.sin(np.arange(19_200) * 0.2).astype(np.float32), 0)
        written.add(path.read_bytes())
    assert len(written) == 1


TIMES = [0.0, 0.04, 0.09, 0.2, 0.24]
LEVELS = [30, 80, 130, 180, 230]


def write(path, settings, sound_at=None):
    with CropWriter(path, settings, 25.0, sound_at is not None) as writer:
        for seconds, level in zip(TIMES, LEVELS, strict=True):
            image = np.full((settings.size, settings.size, 3), (level, 60, 255 - level), np.uint8)
            writer.write_frame(image, seconds)
        if sound_at is not None:
            tone = 0.5 * np.sin(np.arange(3200) * 0.2)
            writer.write_sound(tone[:1000].astype(np.float32), sound_at)
            writer.write_sound(tone[1000:].astype(np.float32), sound_at + 1000)
    return tone if sound_at is not None else None


@pytest.mark.parametrize("form", ["mp4", "jpeg"])
def test_frames_keep_times_and_colours(tmp_path, form):
    settings = CropSettings(form, size=32)
    path = tmp_path / f"a{settings.suffix}"
    write(path, settings)
    with MediaFile(path) as file:
        images, valid = read_frames(file, [0.0, 0.035, 0.045, 0.1, 0.19, 0.21, 0.25])
        assert file.audio is None
    assert valid.all()
    shown = images.mean(axis=(1, 2))  # (T, 3)
    expected = np.array([[v, 60, 255 - v] for v in (30, 30, 80, 130, 130, 180, 230)])
    # Both are lossy, and flat colours suffer little.
    np.testing.assert_allclose(shown, expected, atol=4)


@pytest.mark.parametrize("form", ["mp4", "jpeg"])
def test_sound_is_lossless_and_may_begin_late(tmp_path, form):
    settings = CropSettings(form, size=32)
    path = tmp_path / f"a{settings.suffix}"
    tone = write(path, settings, sound_at=805)
    with MediaFile(path) as file:
        waveform, valid = read_waveform(file, (0.0, 0.3), 16_000)
    assert np.flatnonzero(valid)[0] == 805
    assert valid.sum() == 3200
    np.testing.assert_allclose(waveform[805:4005], tone, atol=1 / 32_767)


def test_mp4_has_short_groups_of_which_most_pictures_can_be_left_out(tmp_path):
    settings = CropSettings("mp4", size=32, gop=6)
    wide = np.random.default_rng(0).integers(0, 256, (32, 64, 3), dtype=np.uint8)
    with CropWriter(tmp_path / "a.mp4", settings, 25.0, with_sound=False) as writer:
        for index in range(20):
            writer.write_frame(wide[:, index : index + 32], index / 25)
    with av.open(str(tmp_path / "a.mp4")) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    shown = sorted(packets, key=lambda packet: packet.pts)
    keys = [index for index, packet in enumerate(shown) if packet.is_keyframe]
    assert keys[0] == 0
    assert max(np.diff(keys)) <= 6
    with av.open(str(tmp_path / "a.mp4")) as container:
        kinds = [frame.pict_type for frame in container.decode(video=0)]
    # Nothing refers to B-frames here.
    assert kinds.count(PictureType.B) > 0.4 * len(kinds)


@pytest.mark.parametrize(("form", "qualities"), [("mp4", (10, 30)), ("jpeg", (2, 12))])
def test_quality_decides_size_and_loss(tmp_path, talking_head, form, qualities):
    sizes, losses = [], []
    for quality in qualities:
        settings = CropSettings(form, size=64, quality=quality)
        path = tmp_path / f"{quality}{settings.suffix}"
        with CropWriter(path, settings, 25.0, with_sound=False) as writer:
            for index in range(8):
                writer.write_frame(talking_head.frames[index], index / 25)
        with MediaFile(path) as file:
            images, _ = read_frames(file, np.arange(8) / 25)
        sizes.append(path.stat().st_size)
        losses.append(np.abs(images.astype(int) - talking_head.frames[:8]).mean())
    assert sizes[0] > 1.5 * sizes[1]
    assert losses[0] < 0.8 * losses[1]


def test_each_jpeg_stands_alone(tmp_path):
    write(tmp_path / "a.mov", CropSettings("jpeg", size=32))
    with av.open(str(tmp_path / "a.mov")) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert all(bytes(packet)[:2] == b"\xff\xd8" for packet in packets)
    assert all(packet.is_keyframe for packet in packets)


def test_the_same_frames_give_the_same_bytes(tmp_path):
    for name in ("a.mp4", "b.mp4"):
        write(tmp_path / name, CropSettings("mp4", size=32), sound_at=0)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_sound_needs_a_track(tmp_path):
    settings = CropSettings("mp4", size=32)
    with CropWriter(tmp_path / "a.mp4", settings, 25.0, with_sound=False) as writer:
        writer.write_frame(np.zeros((32, 32, 3), np.uint8), 0.0)
        with pytest.raises(ValueError, match="`with_sound`"):
            writer.write_sound(np.zeros(8, np.float32), 0)


def test_nothing_beyond_the_shot_of_a_face_is_cropped(make_face_clip, tmp_path):
    track = track_of(lambda t: (120, 80), 1.0, start=0.5)
    shot = (0.4, 1.6)
    written = write_face_crop(make_face_clip(), track, tmp_path / "a.mp4", CropSettings(), shot)
    # A face is else held for half a second: from 0.0 to 2.0.
    assert written.start_seconds == pytest.approx(0.4)
    assert written.end_seconds == pytest.approx(1.6)
    assert written.num_frames == 30
