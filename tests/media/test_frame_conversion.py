import av
import numpy as np
import pytest

from macbdf_mm.media.frame_conversion import (
    FrameConverter,
    quarter_turns,
    shrunk_size,
    upright_size,
)


def test_rgb_passes_through_and_larger_frames_are_averaged():
    image = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(image, "rgb24")
    np.testing.assert_array_equal(FrameConverter((16, 24)).to_rgb(frame), image)
    halved = FrameConverter((8, 12)).to_rgb(frame)
    blocks = image.reshape(8, 2, 12, 2, 3).mean(axis=(1, 3))
    # FFmpeg's fixed-point area scaling rounds.
    assert np.abs(halved - blocks).max() <= 2


def test_frames_of_other_sizes_are_scaled_to_fit():
    converter = FrameConverter((16, 24))
    other = av.VideoFrame.from_ndarray(np.full((32, 48, 3), 9, np.uint8), "rgb24")
    assert converter.to_rgb(other).shape == (16, 24, 3)


def test_unrotated_frames_are_upright():
    frame = av.VideoFrame.from_ndarray(np.zeros((16, 24, 3), np.uint8), "rgb24")
    assert quarter_turns(frame) == 0
    assert upright_size(frame) == (16, 24)


@pytest.mark.parametrize(
    ("size", "short_side", "expected"),
    [((100, 200), None, (100, 200)), ((100, 200), 50, (50, 100)), ((200, 100), 50, (100, 50)),
     ((40, 60), 50, (40, 60))],
)  # fmt: skip
def test_shrunk_size(size, short_side, expected):
    assert shrunk_size(size, short_side) == expected


def test_short_side_is_checked():
    with pytest.raises(ValueError, match="`short_side` > 0 or None, got 0"):
        shrunk_size((4, 4), 0)
