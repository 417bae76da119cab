import numpy as np
import pytest

from macbdf_mm.datasets.transforms import VideoCompression
from macbdf_mm.datasets.transforms.video_compression import through_codec

CODECS = {"libx264": (18, 45), "libx265": (18, 45), "mpeg4": (2, 25), "mpeg2video": (2, 25)}


@pytest.mark.parametrize("codec", CODECS)
def test_frames_come_back_in_order_and_worse_quality_loses_more(talking_head, codec):
    # Moved sideways, so that no two are alike.
    frames = np.stack([np.roll(talking_head.frames[k], 5 * k, axis=1) for k in range(10)])
    losses = []
    for quality in CODECS[codec]:
        decoded = through_codec(frames, codec, quality)
        assert decoded.shape == frames.shape
        assert decoded.dtype == np.uint8
        # At good quality each frame is nearest to itself.
        gaps = np.abs(decoded[:, None].astype(int) - frames[None]).mean(axis=(2, 3, 4))
        assert quality > 20 or gaps.argmin(axis=1).tolist() == list(range(10))
        losses.append(np.diag(gaps).mean())
    assert losses[0] < 8
    assert losses[1] > 1.2 * losses[0]


def test_as_a_file_of_the_same_codec_shows_it(talking_head, tmp_path):
    from macbdf_mm.media.read_span import read_span
    from macbdf_mm.media.writer import write_clip

    frames = talking_head.frames[:10]
    write_clip(tmp_path / "a.mp4", frames, 25.0, crf=30, preset="veryfast")
    written = read_span(tmp_path / "a.mp4", (0.0, 0.4), 10, 16_000).frames
    np.testing.assert_array_equal(through_codec(frames, "libx264", 30), written)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_odd_sizes_small_ones_and_single_frames(talking_head, codec):
    odd = talking_head.frames[:1, :33, :31]
    decoded = through_codec(odd, codec, 20)
    assert decoded.shape == odd.shape
    assert np.abs(decoded.astype(int) - odd).mean() < 8


def test_the_same_draw_gives_the_same_frames(talking_head):
    outcomes = []
    for _ in range(2):
        np.random.seed(4)
        results = dict(imgs=list(talking_head.frames[:6]), video_valid=np.ones(6, bool))
        outcomes.append(np.stack(VideoCompression(probability=1.0)(results)["imgs"]))
    np.testing.assert_array_equal(*outcomes)


def test_missing_frames_stay_black_and_leave_no_trace(talking_head):
    frames = list(talking_head.frames[:6])
    transform = VideoCompression({"libx264": (30, 30)}, probability=1.0)
    alone = transform(dict(imgs=frames[:4], video_valid=np.ones(4, bool)))["imgs"]
    black = [*frames[:4], np.zeros_like(frames[0]), np.zeros_like(frames[0])]
    both = transform(dict(imgs=black, video_valid=np.arange(6) < 4))["imgs"]
    np.testing.assert_array_equal(both[:4], alone)
    assert not np.stack(both[4:]).any()
    assert black[0] is frames[0]


def test_nothing_at_times_and_nothing_to_encode(talking_head):
    image = talking_head.frames[0]
    kept = VideoCompression(probability=0.0)(dict(imgs=[image], video_valid=np.ones(1, bool)))
    assert kept["imgs"][0] is image
    kept = VideoCompression(probability=1.0)(dict(imgs=[image], video_valid=np.zeros(1, bool)))
    assert kept["imgs"][0] is image


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(quality={"h264": (20, 30)}), "`quality` of libx264, .* got 'h264'"),
        (dict(quality={"mpeg4": (0, 5)}), r"`quality\['mpeg4'\]` .* got \(0, 5\)"),
        (dict(probability=2), "`probability`"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        VideoCompression(**arguments)


def test_a_missing_encoder_is_said(monkeypatch):
    import av

    from macbdf_mm.errors import ConfigError

    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"libx265"})
    with pytest.raises(ConfigError, match="no encoder 'libx265' here"):
        VideoCompression({"libx265": (20, 30)})
