"""What the decode check found out about one file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.media.measure import MediaMeasures
from macbdf_mm.media.probe import MediaInfo

# Muxers round lengths, and the tracks of a file need not end together.
_MAX_LENGTH_ERROR_SECONDS = 0.5


@dataclass(frozen=True)
class FileCheck:
    """One annotated file after its check.

    Attributes:
        measures: What decoding it gave, None if it cannot be read.
        error: Why it cannot be read, None if it can.
    """

    measures: MediaMeasures | None
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values, from which :meth:`from_json` makes the check again."""
        if self.measures is None:
            return {"error": self.error}
        return asdict(self.measures)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "FileCheck":
        """Return the check that :meth:`to_json` wrote."""
        if "error" in values:
            return cls(None, str(values["error"]))
        known = {field.name: values[field.name] for field in fields(MediaMeasures)}
        return cls(MediaMeasures(**{**known, "info": MediaInfo(**values["info"])}))


def remarks_on(row: ClipRow, check: FileCheck) -> list[str]:
    """Return what is unusual about a file that can be read, each in a few words.

    Args:
        row: What the annotation says of it.
        check: The check of its file.
    """
    if check.measures is None:
        return []
    measures, info = check.measures, check.measures.info
    remarks = []
    if measures.num_damaged_packets:
        remarks.append(f"{measures.num_damaged_packets} packets do not decode")
    if info.missing_seconds > _MAX_LENGTH_ERROR_SECONDS:
        remarks.append(f"cut short, {info.missing_seconds:.1f} s are missing")
    if not info.has_video:
        remarks.append("no video")
    if not info.has_audio:
        remarks.append("no sound")
    if measures.peak == 0:
        remarks.append("silent sound")
    annotated = row.duration_seconds
    if annotated and abs(annotated - info.duration_seconds) > _MAX_LENGTH_ERROR_SECONDS:
        remarks.append(f"lasts {info.duration_seconds:.1f} s, annotated {annotated:.1f} s")
    starts = [start for start, _ in (*row.video_fake_intervals, *row.audio_fake_intervals)]
    if starts and max(starts) >= info.duration_seconds:
        remarks.append(f"a fake interval starts at {max(starts):.1f} s, after its end")
    return remarks
