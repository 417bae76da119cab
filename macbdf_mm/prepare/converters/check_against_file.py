"""What a row says, corrected by what its file says: tracks, length, labels of tracks, intervals."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.converters.conversion_report import Findings
from macbdf_mm.structures.intervals import Interval, merge_intervals
from macbdf_mm.structures.labels import FAKE, REAL, UNKNOWN, Label

# Metadata count frames, headers add the delay of the encoder: less apart is no disagreement.
_MAX_DURATION_ERROR_SECONDS = 0.3
# The half second of sound that fits worst correlates by 0.94 and more after encoding anew, and by
# 0.5 and less with another voice or other words. In between lie noise and filters.
REAL_MIN_CORRELATION = 0.9
FAKE_MIN_CORRELATION = 0.6
# Encoding anew changes some patch by up to 2.5 grey levels at usual quality (CRF 28), swapped and
# rerendered faces by 9 and more. In between lie strong compression and small faces.
REAL_MAX_DIFFERENCE = 2.5
FAKE_MIN_DIFFERENCE = 7.0

_MEASURED = ("audio_correlation", "audio_min_correlation", "audio_lag_seconds", "video_difference")


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


def label_tracks(
    row: ClipRow,
    comparison: Mapping[str, Any] | None,
    has_audio: bool,
    findings: Findings,
    *,
    audio_fake_implies_video_fake: bool = False,
) -> ClipRow:
    """Return the row of a fake with the labels of its tracks, unknown where it cannot be told.

    What was measured is kept in ``extra``. Since the clip is fake, one track that is real, or not
    there, leaves the other to be the fake one. If that one looks like the original all the same,
    neither is known.

    Args:
        row: A row with label 1.
        comparison: The fields of :class:`macbdf_mm.media.comparison.TrackComparison`; None
            if the original is missing.
        has_audio: Whether the clip has a sound track.
        findings: Where clips are noted of which a track stays unknown although it was compared.
        audio_fake_implies_video_fake: Take for granted that no clip is fake in its sound alone,
            which is what the community found of DFDC; the publishers do not say so.
    """
    comparison = comparison or {}
    measured = {
        name: round(comparison[name], 4) for name in _MEASURED if comparison.get(name) is not None
    }
    audio = audio_label(comparison) if has_audio else UNKNOWN
    video = video_label(comparison)
    audio_is_ruled_out = audio == REAL or not has_audio
    if audio_fake_implies_video_fake or (audio_is_ruled_out and video == UNKNOWN):
        video = FAKE
    elif audio_is_ruled_out and video == REAL:
        audio = video = UNKNOWN
    elif video == REAL and "audio_min_correlation" in measured:
        audio = FAKE
    if comparison and UNKNOWN in (video, audio if has_audio else video):
        findings.add("tracks_uncertain", row.file, _describe(comparison, measured))
    extra = {**row.extra, **measured}
    return replace(row, video_label=video, audio_label=audio, extra=extra)


def audio_label(comparison: Mapping[str, Any]) -> Label:
    """Return what the sound looks like: 1 fake, 0 real, -1 where it cannot be told."""
    if comparison.get("audio_silence") == "both":
        return REAL
    correlation = comparison.get("audio_min_correlation")
    if correlation is None or FAKE_MIN_CORRELATION < correlation < REAL_MIN_CORRELATION:
        return UNKNOWN
    return REAL if correlation >= REAL_MIN_CORRELATION else FAKE


def video_label(comparison: Mapping[str, Any]) -> Label:
    """Return what the pictures look like: 1 fake, 0 real, -1 where it cannot be told."""
    difference = comparison.get("video_difference")
    if difference is None or REAL_MAX_DIFFERENCE < difference < FAKE_MIN_DIFFERENCE:
        return UNKNOWN
    return REAL if difference <= REAL_MAX_DIFFERENCE else FAKE


def _describe(comparison: Mapping[str, Any], measured: Mapping[str, float]) -> str:
    if comparison.get("error"):
        return str(comparison["error"])
    return ", ".join(f"{name} {value:g}" for name, value in measured.items()) or "no common track"


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
    row: ClipRow, track: str, label: Label, intervals: tuple[Interval, ...], findings: Findings
) -> tuple[Label, tuple[Interval, ...]]:
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
