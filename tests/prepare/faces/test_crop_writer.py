import av
import numpy as np
import pytest
from av.video.frame import PictureType

from macbdf_mm.media.frames import read_frames
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.sound import read_waveform
from macbdf_mm.prepare.faces.crop_settings import CropSettings
from macbdf_mm.prepare.faces.crop_writer import CropWriter

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
