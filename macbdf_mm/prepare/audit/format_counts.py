"""Which formats of files there are, and how many real and fake clips have each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.media.measure import MediaMeasures
from macbdf_mm.prepare.audit.file_check import FileCheck
from macbdf_mm.structures.labels import FAKE, REAL


@dataclass
class FormatCount:
    """One format and its clips.

    Attributes:
        name: Container, size, frame rate and codecs, such as
            ``'mov, 640x480 at 25 fps, h264 yuv420p, aac 16000 Hz, 1 ch'``.
        num_real: Real clips.
        num_fake: Fake clips.
        num_unknown: Clips of which it is not known.
    """

    name: str
    num_real: int = 0
    num_fake: int = 0
    num_unknown: int = 0

    @property
    def num_clips(self) -> int:
        """All clips of the format."""
        return self.num_real + self.num_fake + self.num_unknown


def count_formats(rows: Sequence[ClipRow], checks: Mapping[str, FileCheck]) -> list[FormatCount]:
    """Return the formats of the files that can be read, the most frequent ones first."""
    counts: dict[str, FormatCount] = {}
    for row in rows:
        measures = checks[row.file].measures
        if measures is None:
            continue
        name = format_name(measures)
        count = counts.setdefault(name, FormatCount(name))
        count.num_real += row.label == REAL
        count.num_fake += row.label == FAKE
        count.num_unknown += row.label not in (REAL, FAKE)
    return sorted(counts.values(), key=lambda count: (-count.num_clips, count.name))


def format_name(measures: MediaMeasures) -> str:
    """Return the format of a file in a few words; what it does not have is left out."""
    info = measures.info
    # FFmpeg names all containers that a demuxer reads.
    parts = [measures.container_format.split(",")[0]]
    if info.has_video:
        rate = "" if info.fps is None else f" at {info.fps:.4g} fps"
        parts.append(f"{info.width}x{info.height}{rate}")
        parts.append(f"{info.video_codec} {measures.pixel_format}")
    if info.has_audio:
        parts.append(f"{info.audio_codec} {info.sample_rate} Hz, {measures.num_channels} ch")
    return ", ".join(parts)
