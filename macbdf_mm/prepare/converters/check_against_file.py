"""What a row says, corrected by what the file says: tracks, length, intervals."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.converters.findings import Findings
from macbdf_mm.structures.intervals import Interval, merge_intervals
from macbdf_mm.structures.labels import FAKE, UNKNOWN

# Metadata count frames, headers add the delay of the encoder: less apart is no disagreement.
_MAX_DURATION_ERROR_SECONDS = 0.3


def check_against_header(row: ClipRow, header: Mapping[str, Any], findings: Findings) -> ClipRow:
    """Return the row with the length that the file states and without the tracks it lacks.

    Args:
        row: As the tables say.
        header: The fields of :class:`macbdf_mm.media.probe.MediaHeader`, or ``error``.
        findings: Where to note what did not fit.
    """
    if "error" in header:
        findings.add("unreadable_files", row.file, header["error"])
        return row
    if not header["has_audio"]:
        findings.add("without_sound", row.file)
        row = replace(row, audio_label=UNKNOWN, audio_fake_intervals=())
    if not header["has_video"]:
        findings.add("without_video", row.file)
        row = replace(row, video_label=UNKNOWN, video_fake_intervals=())
    row = _only_fake_track(row, header)
    seconds = header["duration_seconds"]
    if seconds is None:
        return row
    said = row.duration_seconds
    if said is not None and abs(said - seconds) > _MAX_DURATION_ERROR_SECONDS:
        findings.add("durations_corrected", row.file, f"row {said:g} s, file {seconds:g} s")
    return replace(row, duration_seconds=round(seconds, 3))


def _only_fake_track(row: ClipRow, header: Mapping[str, Any]) -> ClipRow:
    """Return the row of a fake that has one track with that track fake: there is no other."""
    if row.label == FAKE and not header["has_audio"] and row.video_label == UNKNOWN:
        return replace(row, video_label=FAKE)
    if row.label == FAKE and not header["has_video"] and row.audio_label == UNKNOWN:
        return replace(row, audio_label=FAKE)
    return row


def correct_intervals(row: ClipRow, findings: Findings) -> ClipRow:
    """Return the row with intervals as the format wants them: ascending, disjoint, in the clip.

    A track that loses all its intervals would count as fake from end to end, which nobody said:
    it becomes unknown.
    """
    video = _correct(row, "video", row.video_label, row.video_fake_intervals, findings)
    audio = _correct(row, "audio", row.audio_label, row.audio_fake_intervals, findings)
    return replace(
        row,
        video_label=video[0],
        video_fake_intervals=video[1],
        audio_label=audio[0],
        audio_fake_intervals=audio[1],
    )


def _correct(
    row: ClipRow, track: str, label: int, intervals: tuple[Interval, ...], findings: Findings
) -> tuple[int, tuple[Interval, ...]]:
    """Return label and intervals of a track."""
    if not intervals:
        return label, ()
    end = float("inf") if row.duration_seconds is None else row.duration_seconds
    pairs = [(max(0.0, start), stop) for start, stop in intervals]
    inside = [pair for pair in pairs if pair[0] < min(pair[1], end)] if label == FAKE else []
    if len(inside) < len(intervals):
        length = "" if row.duration_seconds is None else f", {row.duration_seconds:g} s long"
        stated = [list(pair) for pair in intervals]
        findings.add("intervals_corrected", row.file, f"{track} {stated}, label {label}{length}")
    return UNKNOWN if label == FAKE and not inside else label, tuple(merge_intervals(inside))
