"""One row of an annotation: what a clip is, and the check of what a file says about it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from macbdf_mm.errors import AnnotationError
from macbdf_mm.structures.face_track import parse_face_track
from macbdf_mm.structures.intervals import Interval
from macbdf_mm.structures.labels import (
    FAKE,
    LABELS,
    UNKNOWN,
    Category,
    category_of,
    clip_label,
    labels_contradict,
)


@dataclass(frozen=True)
class ClipRow:
    """One annotated clip; labels are 1 fake, 0 real, -1 unknown.

    Attributes:
        file: The media file, relative to the data folder.
        label: Label of the clip as a whole.
        video_label: Label of the video track.
        audio_label: Label of the audio track.
        video_fake_intervals: Where the video is fake, ``[start, end)`` in seconds, ascending
            and disjoint; empty with ``video_label`` 1 means everywhere.
        audio_fake_intervals: The same for the audio.
        identity: Who is seen; splits should not share identities.
        source: The file that this one was made from.
        method: How it was forged, or None.
        split: Name of the split that the clip belongs to.
        extra: Anything else, carried along unread.
        faces: Tracks of the faces, as :class:`~macbdf_mm.structures.face_track.FaceTrack` states
            them; empty: looked for and not found; None: not looked for.
        duration_seconds: Optional length of the clip; it is measured where it is None.
    """

    file: str
    label: int
    video_label: int = UNKNOWN
    audio_label: int = UNKNOWN
    video_fake_intervals: tuple[Interval, ...] = ()
    audio_fake_intervals: tuple[Interval, ...] = ()
    identity: str | None = None
    source: str | None = None
    method: str | None = None
    split: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    faces: tuple[Mapping[str, Any], ...] | None = None
    duration_seconds: float | None = None

    @property
    def category(self) -> Category | None:
        """RVRA, FVRA, RVFA or FVFA; None where a track's label is unknown."""
        return category_of(self.video_label, self.audio_label)


_FIELDS = tuple(item.name for item in fields(ClipRow))
_OPTIONAL_TEXTS = ("identity", "source", "method", "split")


@dataclass(frozen=True)
class RowPlace:
    """Where in which file a row stands, to say so in errors."""

    path: Path
    index: int

    def error(self, field_name: str, problem: str) -> AnnotationError:
        """Return the error that says what is wrong with a field of this row."""
        return AnnotationError(
            f"{self.path}: row {self.index + 1} (data_list[{self.index}]), "
            f"field `{field_name}`: {problem}"
        )


def parse_row(raw: Any, place: RowPlace) -> ClipRow:
    """Return the row that a JSON value states, or raise an :class:`AnnotationError`."""
    if not isinstance(raw, dict):
        raise AnnotationError(
            f"{place.path}: row {place.index + 1} (data_list[{place.index}]): expected an "
            f"object, got {type(raw).__name__}."
        )
    _check_keys(raw, place)
    file = raw.get("file")
    if not isinstance(file, str) or not file:
        raise place.error("file", f"expected the name of a file, got {file!r}.")
    video_label = _label(raw, "video_label", place)
    audio_label = _label(raw, "audio_label", place)
    label = _clip_label(raw, video_label, audio_label, place)
    duration = _duration(raw, place)
    return ClipRow(
        file=file,
        label=label,
        video_label=video_label,
        audio_label=audio_label,
        video_fake_intervals=_intervals(raw, "video", video_label, duration, place),
        audio_fake_intervals=_intervals(raw, "audio", audio_label, duration, place),
        **{name: _text(raw, name, place) for name in _OPTIONAL_TEXTS},
        extra=_extra(raw, place),
        faces=_faces(raw, place),
        duration_seconds=duration,
    )


def _check_keys(raw: dict[str, Any], place: RowPlace) -> None:
    for name in raw:
        if name not in _FIELDS:
            close = get_close_matches(str(name), _FIELDS, n=1)
            hint = f"did you mean `{close[0]}`?" if close else "own fields belong in `extra`."
            raise place.error(name, f"there is no such field; {hint}")


def _label(raw: dict[str, Any], name: str, place: RowPlace) -> int:
    value = raw.get(name, UNKNOWN)
    # True == 1 in Python, but a JSON true is a slip of whoever wrote the file.
    if isinstance(value, bool) or not isinstance(value, int) or value not in LABELS:
        raise place.error(name, f"expected 1 (fake), 0 (real) or -1 (unknown), got {value!r}.")
    return value


def _clip_label(raw: dict[str, Any], video_label: int, audio_label: int, place: RowPlace) -> int:
    if "label" not in raw:
        return clip_label(video_label, audio_label)
    label = _label(raw, "label", place)
    if labels_contradict(label, video_label, audio_label):
        raise place.error(
            "label",
            f"{label} contradicts `video_label` {video_label} and `audio_label` "
            f"{audio_label}; leave `label` out to have it follow from them.",
        )
    return label


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _duration(raw: dict[str, Any], place: RowPlace) -> float | None:
    value = raw.get("duration_seconds")
    if value is None:
        return None
    if not _is_number(value) or value <= 0:
        raise place.error("duration_seconds", f"expected seconds > 0, got {value!r}.")
    return float(value)


def _intervals(
    raw: dict[str, Any], track: str, label: int, duration: float | None, place: RowPlace
) -> tuple[Interval, ...]:
    name = f"{track}_fake_intervals"
    value = raw.get(name, [])
    if not isinstance(value, list | tuple):
        raise place.error(name, f"expected a list of [start, end] pairs, got {value!r}.")
    if value and label != FAKE:
        raise place.error(
            name, f"lists fake intervals, but `{track}_label` is {label}; set it to 1."
        )
    previous_end = 0.0
    for pair in value:
        if (
            not isinstance(pair, list | tuple)
            or len(pair) != 2
            or not all(_is_number(edge) for edge in pair)
        ):
            raise place.error(name, f"expected [start, end] in seconds, got {pair!r}.")
        start, end = pair
        if start >= end or start < previous_end:
            raise place.error(
                name,
                f"expected 0 <= start < end, ascending and disjoint, got {[*pair]} "
                f"after {previous_end:g} s.",
            )
        if duration is not None and start >= duration:
            raise place.error(name, f"{[*pair]} starts after the clip's end at {duration:g} s.")
        previous_end = end
    return tuple((float(start), float(end)) for start, end in value)


def _text(raw: dict[str, Any], name: str, place: RowPlace) -> str | None:
    value = raw.get(name)
    if value is not None and not isinstance(value, str):
        raise place.error(name, f"expected text or null, got {value!r}.")
    return value


def _extra(raw: dict[str, Any], place: RowPlace) -> dict[str, Any]:
    value = raw.get("extra", {})
    if not isinstance(value, dict):
        raise place.error("extra", f"expected an object, got {value!r}.")
    return value


def _faces(raw: dict[str, Any], place: RowPlace) -> tuple[dict[str, Any], ...] | None:
    value = raw.get("faces")
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise place.error("faces", f"expected a list of objects, got {value!r}.")
    num_chosen = 0
    for index, item in enumerate(value):
        try:
            num_chosen += parse_face_track(item).chosen
        except ValueError as problem:
            raise place.error("faces", f"[{index}]: {problem}") from None
    if num_chosen > 1:
        raise place.error("faces", f"expected one chosen face at most, got {num_chosen}.")
    return tuple(value)
