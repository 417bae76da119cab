import gc
import struct

import av
import numpy as np
import pytest

from macbdf_mm.media.frame_conversion import (
    FrameConverter,
    Orientation,
    orientation_of,
    shrunk_size,
    upright_size,
)
from macbdf_mm.media.read_span import read_span


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


def test_frames_are_freed_without_the_garbage_collector(make_clip):
    path = make_clip(with_sound=False)
    gc.collect()
    gc.disable()
    try:
        assert read_span(path, (0.0, 1.28), 16, 16_000).frame_valid.all()
        kept = [thing for thing in gc.get_objects() if isinstance(thing, av.VideoFrame)]
    finally:
        gc.enable()
    # Two: the first, by which the size is known, and the first that was converted.
    assert len(kept) <= 2


def test_unrotated_frames_are_upright():
    frame = av.VideoFrame.from_ndarray(np.zeros((16, 24, 3), np.uint8), "rgb24")
    assert orientation_of(frame) == Orientation()
    assert upright_size(frame) == (16, 24)


@pytest.mark.parametrize("upside_down", [False, True])
@pytest.mark.parametrize("left_right", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
def test_turned_and_mirrored_files(make_clip, transposed, left_right, upside_down):
    path = make_clip(seconds=0.4, with_sound=False)
    plain = read_span(path, (0.0, 0.4), 2, 16_000).frames
    x, y = -1 if left_right else 1, -1 if upside_down else 1
    # As ISO 14496-12 writes it: (p, q) is shown at (a p + c q, b p + d q).
    a, b, c, d = (0, y, x, 0) if transposed else (x, 0, 0, y)
    ones = [value << 16 for value in (a, b, c, d)]
    matrix = struct.pack(">9i", ones[0], ones[1], 0, ones[2], ones[3], 0, 0, 0, 1 << 30)
    content = path.read_bytes()
    place = content.index(b"tkhd") + 44
    path.write_bytes(content[:place] + matrix + content[place + 36 :])
    shown = read_span(path, (0.0, 0.4), 2, 16_000).frames
    expected = np.empty((2, 96, 64, 3) if transposed else (2, 64, 96, 3), np.uint8)
    height, width = expected.shape[1:3]
    for q, p in np.ndindex(plain.shape[1:3]):
        column, row = (x * q, y * p) if transposed else (x * p, y * q)
        expected[:, row % height if y > 0 else height - 1 + row,
                 column % width if x > 0 else width - 1 + column] = plain[:, q, p]  # fmt: skip
    np.testing.assert_array_equal(shown, expected)


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
