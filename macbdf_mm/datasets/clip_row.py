"""One row of an annotation: what a clip is, and the check of what a file says about it.

:class:`ClipRow` is the one schema of a row: its types and bounds are checked by msgspec when a
file is read, and ``annotation.schema.json`` is written from them.
"""

import math
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import msgspec
from msgspec import Meta

from macbdf_mm.errors import AnnotationError
from macbdf_mm.media.limits import MAX_SECONDS
from macbdf_mm.structures.face_track import parse_face_track
from macbdf_mm.structures.intervals import Interval
from macbdf_mm.structures.labels import (
    FAKE,
    REAL,
    UNKNOWN,
    Category,
    Label,
    category_of,
    clip_label,
    labels_contradict,
)
from macbdf_mm.utils.tables import printable, shown
from macbdf_mm.utils.text_files import MAX_DEPTH, is_shallow, is_whole

StatedLabel = Annotated[Label, Meta(description="1 (fake), 0 (real) or -1 (unknown)")]
Seconds = Annotated[float, Meta(ge=0)]
_PAIR = "[start, end] in seconds, 0 <= start < end, ascending and disjoint"
Intervals = Annotated[
    tuple[tuple[Seconds, Seconds], ...], Meta(description=f"a list of [start, end] pairs: {_PAIR}")
]
Text = Annotated[str | None, Meta(description="text or null")]


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

    file: Annotated[str, Meta(min_length=1, description="the name of a file")]
    label: StatedLabel
    video_label: StatedLabel = UNKNOWN
    audio_label: StatedLabel = UNKNOWN
    video_fake_intervals: Intervals = ()
    audio_fake_intervals: Intervals = ()
    identity: Text = None
    source: Text = None
    method: Text = None
    split: Text = None
    extra: Annotated[Mapping[str, Any], Meta(description="an object")] = field(default_factory=dict)
    faces: Annotated[
        tuple[Mapping[str, Any], ...] | None, Meta(description="a list of objects or null")
    ] = None
    duration_seconds: Annotated[
        Annotated[float, Meta(gt=0)] | None, Meta(description="seconds > 0")
    ] = None

    @property
    def category(self) -> Category | None:
        """RVRA, FVRA, RVFA or FVFA; None where a track's label is unknown."""
        return category_of(self.video_label, self.audio_label)


_FIELDS = frozenset(item.name for item in fields(ClipRow))
# All that may hold text; what others do with `extra` is theirs.
_NAMES = [name for name in _FIELDS if name not in ("extra", "faces")]
# Of an unknown field, in its error.
_MAX_NAME = 60
# What each field expects, in the words that its type carries.
_EXPECTED = {
    name: get_args(kind)[-1].description
    for name, kind in get_type_hints(ClipRow, include_extras=True).items()
}


@dataclass(frozen=True)
class RowPlace:
    """The position of a row in an annotation file, for error messages."""

    path: Path
    index: int

    def error(self, field_name: str, problem: str) -> AnnotationError:
        """Return the error that says what is wrong with a field of this row."""
        return AnnotationError(
            f"{self.path}: row {self.index + 1} (data_list[{self.index}]), "
            f"field `{field_name}`: {problem}"
        )


def parse_row(raw: Any, place: RowPlace, allow_outside_root: bool = False) -> ClipRow:
    """Return the row that a JSON value states.

    Args:
        raw: An object with the fields of :class:`ClipRow`. An absent ``label`` follows from those
            of the tracks; tracks that a clip with ``label`` 0 leaves open are real.
        place: Where it stands, for errors.
        allow_outside_root: Whether ``file`` may lead out of the data folder.

    Raises:
        AnnotationError: If it breaks the format; the message names file, row and field.
    """
    if not isinstance(raw, dict):
        raise AnnotationError(
            f"{place.path}: row {place.index + 1} (data_list[{place.index}]): expected an "
            f"object, got {type(raw).__name__}."
        )
    for name in ("extra", "faces"):
        if not is_shallow(raw.get(name)):
            raise place.error(name, f"expected at most {MAX_DEPTH} levels of lists and objects.")
    if not raw.keys() <= _FIELDS:
        raise _unknown_field(raw, place)
    for name in _NAMES:
        value = raw.get(name)
        if isinstance(value, str) and not is_whole(value):
            raise place.error(name, f"{shown(value)} holds half of a character; no file can.")
    if "label" not in raw:
        tracks = (raw.get(f"{track}_label", UNKNOWN) for track in ("video", "audio"))
        raw = {**raw, "label": clip_label(*tracks)}
    try:
        row = msgspec.convert(raw, ClipRow)
    except msgspec.ValidationError as error:
        raise _wrong_value(raw, str(error), place) from None
    except UnicodeEncodeError:  # Half of a character where no text belongs: msgspec stumbles.
        raise _wrong_text(raw, place) from None
    file = _plain_name(row.file, place, allow_outside_root)
    if file != row.file:
        row = replace(row, file=file)
    _check_label(row, place)
    _check_duration(row, place)
    _check_intervals(row, "video", place)
    _check_intervals(row, "audio", place)
    _check_faces(row, place)
    if row.label == REAL:
        row = _with_real_tracks(row, raw)
    return row


def _unknown_field(raw: Mapping[str, Any], place: RowPlace) -> AnnotationError:
    name = next(name for name in raw if name not in _FIELDS)[:_MAX_NAME]
    close = get_close_matches(name, _FIELDS, n=1)
    name = printable(name)
    hint = f"did you mean `{close[0]}`?" if close else "own fields belong in `extra`."
    return place.error(name, f"there is no such field; {hint}")


def _wrong_value(raw: Mapping[str, Any], message: str, place: RowPlace) -> AnnotationError:
    """Return msgspec's finding in the words of the field that it is about."""
    at = re.search(r"`\$\.(\w+)(?:\[(\d+)\])?", message)
    if at is None:  # The one message without a place: a field that is not there.
        return place.error("file", f"expected {_EXPECTED['file']}, got nothing.")
    name, index = at.groups()
    if index is not None and name.endswith("_intervals"):
        return place.error(name, f"expected {_PAIR}, got {shown(raw[name][int(index)])}.")
    return place.error(name, f"expected {_EXPECTED[name]}, got {shown(raw[name])}.")


def _wrong_text(raw: Mapping[str, Any], place: RowPlace) -> AnnotationError:
    for name, value in raw.items():
        try:
            msgspec.convert({"file": "-", "label": UNKNOWN, name: value}, ClipRow)
        except (msgspec.ValidationError, UnicodeEncodeError):
            return place.error(name, f"expected {_EXPECTED[name]}, got {shown(value)}.")
    raise AssertionError("One of the fields was refused.")


def _with_real_tracks(row: ClipRow, raw: Mapping[str, Any]) -> ClipRow:
    """Return a real clip with the labels of its tracks, where the row leaves them open.

    Both tracks of a real clip are real. One that is stated as unknown beside the other is not in
    the file.
    """
    is_clip_only = row.video_label == row.audio_label == UNKNOWN
    is_video_open = is_clip_only or "video_label" not in raw
    is_audio_open = is_clip_only or "audio_label" not in raw
    return replace(
        row,
        video_label=REAL if is_video_open else row.video_label,
        audio_label=REAL if is_audio_open else row.audio_label,
    )


def _plain_name(file: str, place: RowPlace, allow_outside_root: bool) -> str:
    """Return a name without ``./`` and the like, so that no clip has two names."""
    plain = posixpath.normpath(file)
    # Linux has no longer ones.
    is_long = len(plain) > 4095 or any(len(part.encode()) > 255 for part in plain.split("/"))
    if plain == "." or "\0" in plain or is_long:
        raise place.error("file", f"expected the name of a file, got {shown(file)}.")
    leads_out = plain.startswith("/") or plain.split("/", 1)[0] == ".."
    if leads_out and not allow_outside_root:
        raise place.error(
            "file",
            f"{shown(file)} leads out of the data folder; name files relative to it, link them "
            "into it, or set `allow_outside_root=True` in the data set.",
        )
    return plain


def _check_label(row: ClipRow, place: RowPlace) -> None:
    if labels_contradict(row.label, row.video_label, row.audio_label):
        raise place.error(
            "label",
            f"{row.label} contradicts `video_label` {row.video_label} and `audio_label` "
            f"{row.audio_label}; leave `label` out to have it follow from them.",
        )


def _check_duration(row: ClipRow, place: RowPlace) -> None:
    seconds = row.duration_seconds
    # JSON has no such numbers, but Python's reader takes them.
    if seconds is not None and not math.isfinite(seconds):
        raise place.error("duration_seconds", f"expected seconds > 0, got {seconds}.")
    if seconds is not None and seconds > MAX_SECONDS:
        raise place.error(
            "duration_seconds",
            f"expected at most {MAX_SECONDS} s (MACBDF_MAX_SECONDS sets the limit), got {seconds}.",
        )


def _check_intervals(row: ClipRow, track: str, place: RowPlace) -> None:
    name = f"{track}_fake_intervals"
    intervals: tuple[Interval, ...] = getattr(row, name)
    label = getattr(row, f"{track}_label")
    if intervals and label != FAKE:
        raise place.error(
            name, f"lists fake intervals, but `{track}_label` is {label}; set it to 1."
        )
    previous_end = 0.0
    for start, end in intervals:
        if not previous_end <= start < end < math.inf:
            raise place.error(
                name,
                f"expected 0 <= start < end, ascending and disjoint, got {[start, end]} "
                f"after {previous_end:g} s.",
            )
        if row.duration_seconds is not None and start >= row.duration_seconds:
            raise place.error(
                name, f"{[start, end]} starts after the clip's end at {row.duration_seconds:g} s."
            )
        previous_end = end


def _check_faces(row: ClipRow, place: RowPlace) -> None:
    num_chosen = 0
    for index, item in enumerate(row.faces or ()):
        try:
            num_chosen += parse_face_track(item).chosen
        except ValueError as problem:
            raise place.error("faces", f"[{index}]: {problem}") from None
    if num_chosen > 1:
        raise place.error("faces", f"expected one chosen face at most, got {num_chosen}.")
