"""Faces over time: their boxes, how an annotation states them, and which one to look at."""

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ArgumentError

# How far a box may reach out of the frame, in frames: faces at the rim do.
_MAX_REACH = 1.0
_DECIMALS = 4

_Edge = Annotated[float, msgspec.Meta(ge=-_MAX_REACH, le=1 + _MAX_REACH)]


class FaceEntry(msgspec.Struct, forbid_unknown_fields=True):
    """A :class:`FaceTrack` as an entry of the annotation's field ``faces``, for its schema."""

    times_seconds: Annotated[list[float], msgspec.Meta(min_length=1)]
    boxes: Annotated[list[tuple[_Edge, _Edge, _Edge, _Edge]], msgspec.Meta(min_length=1)]
    score: float | None = None
    num_detections: float | None = None
    chosen: bool = False


@dataclass(frozen=True)
class FaceTrack:
    """Where one face is, at some moments of a clip.

    Attributes:
        times_seconds: Ascending, shape (N,), N > 0; zero is the clip's first frame.
        boxes: Left, top, right, bottom as fractions of the upright frame's width and height,
            shape (N, 4); parts of them may lie outside of [0, 1].
        score: Mean score of the detections, or None.
        num_detections: How many detections it was made from, or None.
        chosen: Whether this is the face of the clip.
    """

    times_seconds: npt.NDArray[np.float64]
    boxes: npt.NDArray[np.float64]
    score: float | None = None
    num_detections: int | None = None
    chosen: bool = False

    @property
    def interval(self) -> tuple[float, float]:
        """First and last moment."""
        return float(self.times_seconds[0]), float(self.times_seconds[-1])

    def boxes_at(
        self, times_seconds: npt.ArrayLike, max_hold_seconds: float = 0.0
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Return the boxes at any times, and whether the face is known to be there.

        Between two moments boxes are interpolated; before the first and after the last one
        they are held.

        Args:
            times_seconds: Shape (T,).
            max_hold_seconds: For how long a held box counts as known.

        Returns:
            Boxes, shape (T, 4), and a mask, shape (T,).
        """
        times = np.asarray(times_seconds, np.float64)
        columns = [np.interp(times, self.times_seconds, column) for column in self.boxes.T]
        start, end = self.interval
        known = (times >= start - max_hold_seconds) & (times <= end + max_hold_seconds)
        return np.stack(columns, axis=1), known

    def as_entry(self) -> dict[str, Any]:
        """Return the track as an entry of the annotation's field ``faces``."""
        entry: dict[str, Any] = {
            "times_seconds": self.times_seconds.round(_DECIMALS).tolist(),
            "boxes": self.boxes.round(_DECIMALS).tolist(),
        }
        if self.score is not None:
            entry["score"] = round(self.score, _DECIMALS)
        if self.num_detections is not None:
            entry["num_detections"] = self.num_detections
        return {**entry, "chosen": self.chosen}


def parse_face_track(entry: Mapping[str, Any]) -> FaceTrack:
    """Return the track that an entry of ``faces`` states.

    Args:
        entry: With ``times_seconds`` and ``boxes``, and perhaps ``score``, ``num_detections``
            and ``chosen``; see ``docs/annotation.md``.

    Raises:
        ValueError: If the entry breaks the format; the message says how.
    """
    for name in entry:
        if name not in FaceEntry.__struct_fields__:
            known = ", ".join(FaceEntry.__struct_fields__)
            raise ValueError(
                f"there is no `{reprlib.repr(name)[1:-1]}` in a face track; it has {known}."
            )
    times = _numbers(entry, "times_seconds")
    if times.ndim != 1 or not len(times) or (np.diff(times) <= 0).any():
        raise ValueError(
            "expected `times_seconds` to be an ascending list of seconds, "
            f"got {reprlib.repr(entry['times_seconds'])}."
        )
    boxes = _numbers(entry, "boxes")
    if boxes.shape != (len(times), 4):
        raise ValueError(
            f"expected `boxes` to be {len(times)} lists of left, top, right, bottom, one for each "
            f"of `times_seconds`, got shape {boxes.shape}."
        )
    _check_boxes(boxes)
    chosen = entry.get("chosen", False)
    if not isinstance(chosen, bool):
        raise ValueError(f"expected `chosen` to be true or false, got {reprlib.repr(chosen)}.")
    return FaceTrack(
        times, boxes, _optional(entry, "score"), _optional(entry, "num_detections"), chosen
    )


def _check_boxes(boxes: npt.NDArray[np.float64]) -> None:
    wrong = (boxes[:, 2:] <= boxes[:, :2]).any(axis=1) | (
        (boxes < -_MAX_REACH) | (boxes > 1 + _MAX_REACH)
    ).any(axis=1)
    if wrong.any():
        raise ValueError(
            "expected boxes with left < right and top < bottom, in fractions of the frame's "
            f"width and height, got {boxes[wrong][0].tolist()}; divide pixels by the frame's size."
        )


def _numbers(entry: Mapping[str, Any], name: str) -> npt.NDArray[np.float64]:
    if name not in entry:
        raise ValueError(f"a face track needs `{name}`.")
    try:
        values = np.asarray(entry[name], np.float64)
    except (TypeError, ValueError, OverflowError):
        values = np.array(np.nan)
    if not np.isfinite(values).all():
        raise ValueError(
            f"expected `{name}` to be lists of numbers, got {reprlib.repr(entry[name])}."
        )
    return values


def _optional(entry: Mapping[str, Any], name: str) -> Any:
    value = entry.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError(f"expected `{name}` to be a number, got {reprlib.repr(value)}.")
    return value


def choose_track(tracks: Sequence[FaceTrack]) -> int | None:
    """Return the index of the clip's face, None if there is no track.

    A track that is marked as chosen, else the one that fills the most of the picture for the
    longest: the largest product of mean area and duration. Of equal ones (single boxes have
    no duration) the larger, then the earlier, then the one further left.
    """
    if not tracks:
        return None
    marked = [index for index, track in enumerate(tracks) if track.chosen]
    return marked[0] if marked else max(range(len(tracks)), key=lambda i: _prominence(tracks[i]))


def _prominence(track: FaceTrack) -> tuple[float, float, float, float]:
    start, end = track.interval
    area = float(np.mean(box_areas(track.boxes)))
    return area * (end - start), area, -start, -float(track.boxes[0, 0])


def box_areas(boxes: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the areas of boxes (N, 4), shape (N,), in squared units of the boxes."""
    boxes = np.asarray(boxes, np.float64)
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def intersection_over_union(first: npt.ArrayLike, second: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the share of two boxes' union that both cover, in [0, 1], shape (N, M).

    Args:
        first: Boxes, shape (N, 4).
        second: Boxes in the same unit, shape (M, 4).
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = (high - low).clip(min=0).prod(axis=2)  # (N, M)
    union = box_areas(first)[:, None] + box_areas(second)[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def squares_around(
    boxes: npt.ArrayLike, frame_size: tuple[int, int], margin: float
) -> npt.NDArray[np.float64]:
    """Return the squares to cut out around boxes: centre x, centre y and side, in pixels.

    A square's side is the longer side of its box times ``margin``. It may reach out of the
    frame: a face at the rim keeps its scale.

    Args:
        boxes: Fractions of the frame's width and height, shape (T, 4).
        frame_size: Height and width, in pixels.
        margin: 1 cuts at the box.

    Returns:
        Shape (T, 3).

    Raises:
        ValueError: If ``margin`` is not positive.
    """
    if not margin > 0:
        raise ArgumentError(f"Expected `margin` > 0, got {margin}.")
    height, width = frame_size
    pixels = np.asarray(boxes, np.float64) * np.array([width, height, width, height])
    centres = (pixels[:, :2] + pixels[:, 2:]) / 2
    sides = (pixels[:, 2:] - pixels[:, :2]).max(axis=1, keepdims=True) * margin
    return np.concatenate([centres, sides], axis=1)
