"""Looking for faces in a whole file: sampled frames, tracks, and the one to look at."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ArgumentError
from macbdf_mm.media.frames import read_frames
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.probe import describe
from macbdf_mm.prepare.faces.detector import Detections, FaceDetector
from macbdf_mm.prepare.faces.tracking import link_detections, smooth_boxes
from macbdf_mm.structures.face_track import FaceTrack, box_areas, choose_track

# Pictures that are decoded and looked at together: bounds the memory, and a seek each is cheap.
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
        num_candidates: How many of the tracks could have been chosen.
    """

    tracks: tuple[FaceTrack, ...]
    failure: str | None
    num_frames: int = 0
    num_candidates: int = 0


def find_faces(path: str | Path, detector: FaceDetector, settings: TrackingSettings) -> FoundFaces:
    """Return the faces of a video file.

    Args:
        path: The media file.
        detector: Who looks.
        settings: How.

    Raises:
        MissingDataError: If there is no such file.
        UndecodableMediaError: If neither video nor audio decodes.
    """
    with MediaFile(path) as file:
        info = describe(file)
        if file.video is None:
            return FoundFaces((), "the file has no video track")
        size = file.video.size
        found = _look(file, size, info.duration_seconds, detector, settings, settings.long_side)
        is_larger = max(size) > settings.long_side
        if not found.tracks and is_larger and settings.retry_long_side > settings.long_side:
            again = settings.retry_long_side
            found = _look(file, size, info.duration_seconds, detector, settings, again)
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
    return replace(found, tracks=tracks, failure=None, num_candidates=len(candidates))


def _look(
    file: MediaFile,
    size: tuple[int, int],
    duration_seconds: float,
    detector: FaceDetector,
    settings: TrackingSettings,
    long_side: int,
) -> FoundFaces:
    times: list[float] = []
    detections: list[Detections] = []
    short_side = max(1, round(min(long_side, max(size)) * min(size) / max(size)))
    for some_times, images in _sampled_frames(file, duration_seconds, settings, short_side):
        height, width = images.shape[1:3]
        unit = np.array([width, height, width, height])
        times += some_times
        detections += [
            Detections(faces.boxes / unit, faces.scores) for faces in detector.detect(images)
        ]
    tracks = link_detections(times, detections, settings.min_iou, settings.max_gap_seconds)
    smooth = tuple(
        replace(
            track, boxes=smooth_boxes(track.times_seconds, track.boxes, settings.smoothing_seconds)
        )
        for track in tracks
    )
    return FoundFaces(smooth, None, len(times))


def _sampled_frames(
    file: MediaFile, duration_seconds: float, settings: TrackingSettings, short_side: int
) -> Iterator[tuple[list[float], npt.NDArray[np.uint8]]]:
    """Yield moments and what is shown then, shape (B, H, W, 3), from start to end."""
    # At least the first frame, however short the clip is.
    num_times = max(1, int(np.ceil(duration_seconds / settings.step_seconds - 1e-6)))
    for first in range(0, num_times, _NUM_TOGETHER):
        last = min(first + _NUM_TOGETHER, num_times)
        times = np.arange(first, last, dtype=np.float64) * settings.step_seconds
        images, valid = read_frames(file, times, short_side)
        if valid.any():
            yield times[valid].tolist(), images[valid]
