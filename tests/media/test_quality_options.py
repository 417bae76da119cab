import numpy as np
import pytest

from macbdf_mm.media.quality_options import quality_options
from macbdf_mm.media.writer import write_clip


def test_other_encoders_have_none():
    assert quality_options("mpeg4", 23, "fast") == {}


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
