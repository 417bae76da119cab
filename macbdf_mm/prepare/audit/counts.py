"""What each part of a data set holds: clips of which kind and format, and who is in several."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.datasets.source_leaks import source_key
from macbdf_mm.media.measure import MediaMeasures
from macbdf_mm.prepare.audit.check_files import FileCheck
from macbdf_mm.structures.labels import FAKE, REAL

NO_SPLIT = "no split"


@dataclass(frozen=True)
class PartCounts:
    """Counts of the clips in one part of a data set.

    Attributes:
        split: Its name, ``'no split'`` for rows without, ``'all'`` for all together.
        num_clips: Clips.
        num_real: Clips that are real as a whole.
        num_fake: Clips that are fake as a whole; the rest is unknown.
        by_category: Clips by category, and ``unknown``; the most frequent ones first, as below.
        by_method: Fake clips by method.
        by_identity: Clips by who is seen, of those that say so.
        num_sources: Recordings that the clips show.
    """

    split: str
    num_clips: int
    num_real: int
    num_fake: int
    by_category: dict[str, int]
    by_method: dict[str, int]
    by_identity: dict[str, int]
    num_sources: int

    @property
    def always_fake_accuracy(self) -> float:
        """Accuracy of calling every clip fake; NaN without a known label."""
        known = self.num_real + self.num_fake
        return self.num_fake / known if known else float("nan")

    @property
    def majority_accuracy(self) -> float:
        """Accuracy of calling every clip what most are; NaN without a known label."""
        known = self.num_real + self.num_fake
        return max(self.num_real, self.num_fake) / known if known else float("nan")


def count_parts(rows: Sequence[ClipRow]) -> list[PartCounts]:
    """Return the counts of every part, in the order of their names, and of all together."""
    parts: dict[str, list[ClipRow]] = {}
    for row in rows:
        parts.setdefault(NO_SPLIT if row.split is None else row.split, []).append(row)
    return [*(_count(name, parts[name]) for name in sorted(parts)), _count("all", rows)]


def _count(split: str, rows: Sequence[ClipRow]) -> PartCounts:
    return PartCounts(
        split=split,
        num_clips=len(rows),
        num_real=sum(row.label == REAL for row in rows),
        num_fake=sum(row.label == FAKE for row in rows),
        by_category=_tally(row.category or "unknown" for row in rows),
        by_method=_tally(row.method for row in rows if row.method and row.label == FAKE),
        by_identity=_tally(row.identity for row in rows if row.identity is not None),
        num_sources=len({source_key(row) for row in rows}),
    )


def _tally(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())


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
