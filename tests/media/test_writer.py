import av
import numpy as np
import pytest

from macbdf_mm.media.writer import quality_options, write_clip


@pytest.fixture
def frames():
    ramp = np.linspace(20, 220, 64, dtype=np.uint8)
    return np.stack([np.tile(np.roll(ramp, 2 * t)[None, :, None], (48, 1, 3)) for t in range(10)])


@pytest.fixture
def waveform():
    return (0.3 * np.sin(np.arange(6400) * 0.2)).astype(np.float32)


def test_both_streams_come_back_and_start_at_zero(tmp_path, frames, waveform):
    path = tmp_path / "new folder" / "clip.mp4"
    write_clip(path, frames, 25, waveform)
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec.name, audio.codec.name) == ("h264", "aac")
        assert (video.width, video.height, video.average_rate) == (64, 48, 25)
        assert (audio.rate, audio.channels) == (16_000, 1)
        decoded = [
            (frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video)
        ]
    assert [time for time, _ in decoded] == pytest.approx([t / 25 for t in range(10)])
    error = np.stack([image for _, image in decoded]).astype(float) - frames
    # Compression at the default rate factor, and colour at half resolution.
    assert np.abs(error).mean() < 6
    with av.open(str(path)) as container:
        sound = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)[0]
    assert np.corrcoef(sound[1000:5000], waveform[1000:5000])[0, 1] > 0.98


def test_same_frames_give_the_same_bytes(tmp_path, frames, waveform):
    for name in ("a.mp4", "b.mp4"):
        write_clip(tmp_path / name, frames, 25, waveform)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_stream_can_be_left_out(tmp_path, frames, waveform):
    write_clip(tmp_path / "silent.mp4", frames, 25)
    write_clip(tmp_path / "unseen.mp4", None, 25, np.stack([waveform, waveform], axis=1))
    with av.open(str(tmp_path / "silent.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]
    with av.open(str(tmp_path / "unseen.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["audio"]
        assert container.streams.audio[0].channels == 2


def test_a_higher_rate_factor_is_smaller(tmp_path):
    noisy = np.random.default_rng(0).integers(0, 256, (10, 64, 64, 3), dtype=np.uint8)
    for crf in (18, 32):
        write_clip(tmp_path / f"{crf}.mp4", noisy, 25, crf=crf)
    assert (tmp_path / "32.mp4").stat().st_size < 0.7 * (tmp_path / "18.mp4").stat().st_size


def test_nothing_to_write_and_odd_sizes_are_refused(tmp_path, frames):
    with pytest.raises(ValueError, match="Expected `frames` or `waveform`, got None for both"):
        write_clip(tmp_path / "none.mp4", None, 25)
    with pytest.raises(ValueError, match="even height and width, got 47x64"):
        write_clip(tmp_path / "odd.mp4", frames[:, :47], 25)
    with pytest.raises(ValueError, match="at least 66 pixels wide for libx265, got 64"):
        write_clip(tmp_path / "small.mp4", frames, 25, video_codec="libx265")


def test_other_encoders_have_no_options_of_quality():
    assert quality_options("mpeg4", 23, "fast") == {}


def test_x264_leaves_out_what_repeats_on_some_processors_only(tmp_path, frames):
    assert quality_options("libx264", 23, "fast")["x264-params"] == "cpu-independent=1"
    write_clip(tmp_path / "a.mp4", frames, 25.0)
    # The encoder writes its settings into the stream.
    assert b" threads=1 " in (tmp_path / "a.mp4").read_bytes()


@pytest.mark.parametrize(("codec", "side"), [("libx264", 64), ("libx264", 96), ("libx265", 66)])
def test_encoding_repeats_exactly(tmp_path, codec, side):
    """With x264's own choice of code, 16 encodings of 64x64 had 15 outcomes."""
    blocks = np.random.default_rng(0).integers(0, 256, (30, side // 2, side // 2, 3), np.uint8)
    frames = blocks.repeat(2, axis=1).repeat(2, axis=2)
    written = set()
    for turn in range(8):
        path = tmp_path / f"{turn}.mp4"
        write_clip(path, frames, 25.0, video_codec=codec, preset="medium")
        written.add(path.read_bytes())
    assert len(written) == 1
