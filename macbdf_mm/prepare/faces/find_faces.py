"""Looking for faces in a whole file: sampled frames, tracks, and the one to look at."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ArgumentError
from macbdf_mm.media.cuts import find_cuts, picture_changes
from macbdf_mm.media.decoding_process import DecodingProcess, call_in
from macbdf_mm.media.probe import probe
from macbdf_mm.media.survey import Survey, survey
from macbdf_mm.prepare.faces.detector import Detections, FaceDetector
from macbdf_mm.prepare.faces.tracking import link_detections, smooth_boxes
from macbdf_mm.structures.face_track import FaceTrack, box_areas, choose_track
from macbdf_mm.structures.intervals import Interval

# Pictures that are decoded and looked at together, which bounds the memory.
_NUM_TOGETHER = 32


@dataclass(frozen=True)
class TrackingSettings:
    """How a file is searched for faces.

    Attributes:
        step_seconds: Interval between searched frames; 0.2 is every fifth at 25 fps.
        long_side: Larger frames are shrunk to this for the detector, in pixels.
        retry_long_side: A file in which nothing was found is searched once more at this size, for
            tiny faces; a value up to ``long_side`` disables this.
        min_iou: See :func:`~macbdf_mm.prepare.faces.tracking.link_detections`.
        max_gap_seconds: See there.
        smoothing_seconds: See :func:`~macbdf_mm.prepare.faces.tracking.smooth_boxes`.
        min_track_seconds: Shorter tracks are not chosen, unless the clip itself is shorter.
        min_face_pixels: Tracks of faces with a smaller mean side in the full frame are not
            chosen.
    """

    step_seconds: float = 0.2
    long_side: int = 640
    retry_long_side: int = 1280
    min_iou: float = 0.3
    max_gap_seconds: float = 1.0
    smoothing_seconds: float = 0.2
    min_track_seconds: float = 0.6
    min_face_pixels: int = 24

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        for name in ("step_seconds", "long_side"):
            if not getattr(self, name) > 0:
                raise ArgumentError(f"Expected `{name}` > 0, got {getattr(self, name)}.")
        for name in ("smoothing_seconds", "max_gap_seconds", "min_track_seconds"):
            if getattr(self, name) < 0:
                raise ArgumentError(f"Expected `{name}` >= 0, got {getattr(self, name)}.")
        if not 0 < self.min_iou <= 1:
            raise ArgumentError(f"Expected `min_iou` in (0, 1], got {self.min_iou}.")


@dataclass(frozen=True)
class FoundFaces:
    """The faces of a file, or why none was chosen.

    Attributes:
        tracks: All faces; none, or exactly one of them, is chosen.
        failure: Why none is chosen, or None.
        num_frames: Number of frames searched.
        candidates: Positions of the tracks that could have been chosen: they last long enough and
            are large enough.
        cuts_seconds: When new shots begin, ascending; every track lies within a shot.
        num_damaged: How many pictures are damaged by the word of their decoder.
    """

    tracks: tuple[FaceTrack, ...]
    failure: str | None
    num_frames: int = 0
    candidates: tuple[int, ...] = ()
    cuts_seconds: tuple[float, ...] = ()
    num_damaged: int = 0

    def __deepcopy__(self, memo: object) -> "FoundFaces":
        # Data samples copy what they hold, and each window of a file holds this.
        return self

    def shot_of(self, track: FaceTrack) -> Interval:
        """Return between which cuts a track lies; infinite where there is none."""
        first, _ = track.interval
        edges = (-math.inf, *self.cuts_seconds, math.inf)
        return next((low, high) for low, high in pairwise(edges) if first < high)


def find_faces(
    path: str | Path,
    detector: FaceDetector,
    settings: TrackingSettings,
    process: DecodingProcess | None = None,
) -> FoundFaces:
    """Return the faces of a video file.

    Args:
        path: The media file.
        detector: Who looks.
        settings: How.
        process: Where the file is decoded; None: in this process.

    Raises:
        MissingDataError: If there is no such file.
        UndecodableMediaError: If neither video nor audio decodes.
    """
    info = call_in(process, probe, path)
    if info.height is None or info.width is None:
        return FoundFaces((), "the file has no video track")
    size = info.height, info.width
    times = _sampled_times(info.duration_seconds, settings.step_seconds)

    def look(long_side: int) -> FoundFaces:
        short_side = max(1, round(min(long_side, max(size)) * min(size) / max(size)))
        return _look(_parts(path, times, settings, short_side, process), detector, settings)

    found = look(settings.long_side)
    is_larger = max(size) > settings.long_side
    if not found.tracks and is_larger and settings.retry_long_side > settings.long_side:
        found = look(settings.retry_long_side)
    return choose_face(found, size, settings)


def choose_face(
    found: FoundFaces, frame_size: tuple[int, int], settings: TrackingSettings
) -> FoundFaces:
    """Return the same faces with one of them chosen, or with the reason why none is.

    Args:
        found: All tracks.
        frame_size: Height and width of the full frames, in pixels.
        settings: What a face must have to be chosen.
    """
    if not found.tracks:
        return replace(found, failure=f"no face in {found.num_frames} frames looked at")
    height, width = frame_size
    sides = [float(np.sqrt(box_areas(t.boxes).mean() * height * width)) for t in found.tracks]
    seen = [t.interval[1] - t.interval[0] + settings.step_seconds for t in found.tracks]
    needed = min(settings.min_track_seconds, found.num_frames * settings.step_seconds)
    large = [i for i, side in enumerate(sides) if side >= settings.min_face_pixels]
    if not large:
        return replace(
            found,
            failure=f"all faces are smaller than {settings.min_face_pixels} pixels "
            f"(the largest: {max(sides):.0f})",
        )
    candidates = [i for i in large if seen[i] >= needed - 1e-6]
    if not candidates:
        longest = max(seen[i] for i in large)
        return replace(found, failure=f"no face is seen for {needed:g} s (longest: {longest:.1f})")
    best = choose_track([found.tracks[i] for i in candidates])
    chosen = None if best is None else candidates[best]
    tracks = tuple(replace(t, chosen=i == chosen) for i, t in enumerate(found.tracks))
    return replace(found, tracks=tracks, failure=None, candidates=tuple(candidates))


def _look(
    parts: Iterator[tuple[npt.NDArray[np.float64], Survey]],
    detector: FaceDetector,
    settings: TrackingSettings,
) -> FoundFaces:
    times: list[float] = []
    detections: list[Detections] = []
    shots = _ShotChanges()
    num_damaged = 0
    for some_times, part in parts:
        shots.add(part)
        num_damaged += part.num_damaged
        if not part.valid.any():
            continue
        height, width = part.frames.shape[1:3]
        unit = np.array([width, height, width, height])
        times += some_times[part.valid].tolist()
        detections += [
            Detections(faces.boxes / unit, faces.scores)
            for faces in detector.detect(part.frames[part.valid])
        ]
    cuts = shots.cuts_seconds()
    tracks = link_detections(times, detections, settings.min_iou, settings.max_gap_seconds, cuts)
    smooth = tuple(
        replace(
            track, boxes=smooth_boxes(track.times_seconds, track.boxes, settings.smoothing_seconds)
        )
        for track in tracks
    )
    return FoundFaces(smooth, None, len(times), cuts_seconds=cuts, num_damaged=num_damaged)


def _sampled_times(duration_seconds: float, step_seconds: float) -> npt.NDArray[np.float64]:
    # At least the first frame, however short the clip is.
    num_times = max(1, math.ceil(duration_seconds / step_seconds - 1e-6))
    return np.arange(num_times, dtype=np.float64) * step_seconds


def _parts(
    path: str | Path,
    times: npt.NDArray[np.float64],
    settings: TrackingSettings,
    short_side: int,
    process: DecodingProcess | None,
) -> Iterator[tuple[npt.NDArray[np.float64], Survey]]:
    """Yield moments and what is shown then and in between, from start to end."""
    for first in range(0, len(times), _NUM_TOGETHER):
        some = times[first : first + _NUM_TOGETHER]
        until = float(some[-1]) + settings.step_seconds
        yield some, call_in(process, survey, path, some, until, short_side)


class _ShotChanges:
    """The changes from each picture of a file to the next, gathered part by part."""

    def __init__(self) -> None:
        self._starts: list[float] = []
        self._changes: list[float] = []
        self._latest: npt.NDArray[np.uint8] | None = None
        self._latest_start = -math.inf

    def add(self, part: Survey) -> None:
        """Take the pictures of the next part, which begins with the last one of that before."""
        is_new = part.starts_seconds > self._latest_start
        pictures, starts = part.small[is_new], part.starts_seconds[is_new]
        if not len(pictures):
            return
        before = pictures[:1] if self._latest is None else self._latest[None]
        self._changes += picture_changes(np.concatenate([before, pictures])).tolist()
        self._starts += starts.tolist()
        self._latest, self._latest_start = pictures[-1], float(starts[-1])

    def cuts_seconds(self) -> tuple[float, ...]:
        """Return when the first pictures of new shots begin to be shown."""
        return tuple(np.array(self._starts)[find_cuts(self._changes)].tolist())
