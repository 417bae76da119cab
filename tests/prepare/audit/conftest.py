"""Measured files that were never written, for tests of what is made of the measures."""

from collections.abc import Callable

import pytest

from macbdf_mm.media.measure import MediaMeasures
from macbdf_mm.media.probe import MediaInfo
from macbdf_mm.prepare.audit.check_files import FileCheck

_INFO = dict(
    has_video=True, has_audio=True, duration_seconds=2.0, missing_seconds=0.0, width=64, height=48,
    fps=25.0, sample_rate=16_000, video_codec="h264", audio_codec="aac",
)  # fmt: skip
_MEASURES = dict(
    container_format="mov,mp4,m4a,3gp,3g2,mj2", num_bytes=1000, num_frames=50,
    num_damaged_packets=0, video_bit_rate=3000.0, audio_bit_rate=900.0, pixel_format="yuv420p",
    num_channels=1, video_seconds=1.96, audio_seconds=2.0, audio_start_seconds=0.0,
    brightness=100.0, loudness_db=-20.0, peak=0.5, leading_silence_seconds=0.0,
)  # fmt: skip


@pytest.fixture
def measured() -> Callable[..., FileCheck]:
    """Return a function that makes the check of a file; keywords are fields of its measures."""

    def make(**changes) -> FileCheck:
        info = {name: changes.pop(name, value) for name, value in _INFO.items()}
        return FileCheck(MediaMeasures(MediaInfo(**info), **{**_MEASURES, **changes}))

    return make
