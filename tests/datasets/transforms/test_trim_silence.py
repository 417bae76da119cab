import numpy as np
import pytest

from macbdf_mm.datasets.transforms import TrimSilence


@pytest.fixture
def path(write_media, clip_clock, tmp_path):
    """Three seconds with sound from 0.5 to 2 s."""
    sound = np.zeros(3 * 16_000, np.float32)
    sound[8_000:32_000] = clip_clock.sound(np.arange(24_000) / 16_000)
    frames = [clip_clock.frame(k) for k in range(75)]
    return str(write_media(tmp_path / "a.mp4", frames, np.arange(75) / 25, [sound]))


@pytest.mark.parametrize(
    ("span", "moved"),
    [
        ((0.0, 1.0), (0.5, 1.5)),
        ((0.75, 1.75), (0.75, 1.75)),
        ((2.0, 3.0), (1.0, 2.0)),
        ((0.0, 2.0), (0.5, 2.5)),
    ],
)
def test_spans_lie_where_the_sound_is(path, span, moved):
    results = TrimSilence()({"path": path, "span_seconds": span})
    assert results["span_seconds"] == pytest.approx(moved, abs=0.03)


def test_what_has_no_sound_or_cannot_be_read_stays(make_clip, tmp_path):
    paths = {"mute": make_clip("m.mp4", with_sound=False), "gone": tmp_path / "gone.mp4"}
    for path in paths.values():
        results = {"path": str(path), "span_seconds": (1.0, 2.0)}
        assert TrimSilence()(dict(results)) == results
    broken = {"path": "gone.mp4", "span_seconds": (1.0, 2.0), "decode_error": "cut"}
    assert TrimSilence()(dict(broken)) == broken
