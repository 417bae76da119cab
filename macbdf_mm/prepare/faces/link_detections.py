"""From faces in single pictures to faces over time."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from macbdf_mm.prepare.faces.detector import Detections
from macbdf_mm.structures.face_track import FaceTrack, intersection_over_union


def link_detections(
    times_seconds: npt.ArrayLike,
    detections: Sequence[Detections],
    min_iou: float = 0.3,
    max_gap_seconds: float = 1.0,
) -> list[FaceTrack]:
    """Return one track for each face, in the order in which they appear.

    The faces of each picture are assigned to the tracks that are still open so that the sum of
    the overlaps is largest (the Hungarian method); whatever overlaps no track begins one. A
    track that misses a few pictures goes on, and one that misses more ends.

    Args:
        times_seconds: When each picture is shown, ascending, shape (P,).
        detections: The faces of each picture, all boxes in one unit.
        min_iou: A face belongs to a track only if its box and the track's last one have at
            least this intersection over union.
        max_gap_seconds: For how long a track may be without a face.
    """
    times = np.asarray(times_seconds, np.float64)
    tracks: list[_GrowingTrack] = []
    for seconds, found in zip(times, detections, strict=True):
        alive = [track for track in tracks if seconds - track.times[-1] <= max_gap_seconds + 1e-9]
        taken = set()
        for track, index in _match(alive, found, min_iou):
            track.add(seconds, found, index)
            taken.add(index)
        for index in range(len(found.scores)):
            if index not in taken:
                tracks.append(_GrowingTrack())
                tracks[-1].add(seconds, found, index)
    return [track.finish() for track in tracks]


class _GrowingTrack:
    def __init__(self) -> None:
        self.times: list[float] = []
        self.boxes: list[npt.NDArray[np.floating]] = []
        self.scores: list[float] = []

    def add(self, seconds: float, found: Detections, index: int) -> None:
        self.times.append(float(seconds))
        self.boxes.append(found.boxes[index])
        self.scores.append(float(found.scores[index]))

    def finish(self) -> FaceTrack:
        return FaceTrack(
            np.array(self.times),
            np.array(self.boxes, np.float64),
            score=float(np.mean(self.scores)),
            num_detections=len(self.times),
        )


def _match(
    tracks: list[_GrowingTrack], found: Detections, min_iou: float
) -> list[tuple[_GrowingTrack, int]]:
    """Return which face continues which track."""
    if not tracks or not len(found.scores):
        return []
    overlap = intersection_over_union([track.boxes[-1] for track in tracks], found.boxes)
    # Pairs that may not be joined must not draw a face away from the track that it fits.
    rows, columns = linear_sum_assignment(np.where(overlap >= min_iou, overlap, 0), maximize=True)
    return [
        (tracks[row], int(column))
        for row, column in zip(rows, columns, strict=True)
        if overlap[row, column] >= min_iou
    ]
