"""The annotation row of a prepared crop: the same clip, or the part that shows the face."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.structures.face_track import FaceTrack
from macbdf_mm.structures.intervals import Interval, overlap_seconds, span_label
from macbdf_mm.structures.labels import FAKE, REAL, UNKNOWN, Label


def crop_row(row: ClipRow, file: str, span_seconds: Interval, face_box: Sequence[float]) -> ClipRow:
    """Return the row of a crop that shows a span of the row's clip.

    Intervals move with the crop's start. A track whose forgeries all lie outside of the crop
    is real in it. ``source`` is filled in, so that crops of one source still stay together in
    a split, and ``extra.face_crop`` says what the crop was made from.

    Args:
        row: The clip.
        file: The crop, relative to its data folder.
        span_seconds: Start and end of the crop in the clip.
        face_box: Mean left, top, right, bottom of the face, as fractions of the crop.
    """
    video_label, video_fakes = _inside(row.video_label, row.video_fake_intervals, span_seconds)
    audio_label, audio_fakes = _inside(row.audio_label, row.audio_fake_intervals, span_seconds)
    start, end = span_seconds
    face = FaceTrack(np.array([0.0, end - start]), np.array([face_box] * 2), chosen=True)
    origin = {"file": row.file, "start_seconds": start, "end_seconds": end}
    return replace(
        row,
        file=file,
        label=_overall(row, video_label, audio_label),
        video_label=video_label,
        audio_label=audio_label,
        video_fake_intervals=video_fakes,
        audio_fake_intervals=audio_fakes,
        source=row.source or row.file,
        extra={**row.extra, "face_crop": origin},
        faces=(face.as_entry(),),
        duration_seconds=round(end - start, 6),
    )


def _inside(
    label: Label, intervals: Sequence[Interval], span: Interval
) -> tuple[Label, tuple[Interval, ...]]:
    """Return label and intervals of a track within a span, on the span's own clock."""
    if label != FAKE or not intervals:
        return label, ()
    if span_label(label, intervals, span) == REAL:
        return REAL, ()
    start, end = span
    moved = [
        (round(max(low, start) - start, 6), round(min(high, end) - start, 6))
        for low, high in intervals
        if overlap_seconds((low, high), span) > 1e-6
    ]
    return FAKE, tuple(moved)


def _overall(row: ClipRow, video_label: Label, audio_label: Label) -> Label:
    if FAKE in (video_label, audio_label):
        return FAKE
    if row.label == REAL or (video_label, audio_label) == (REAL, REAL):
        return REAL
    if FAKE in (row.video_label, row.audio_label):
        # The known forgery lies outside of the crop, and the other track is unknown.
        return UNKNOWN
    return row.label
