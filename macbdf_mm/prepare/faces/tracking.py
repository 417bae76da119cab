"""From faces in single pictures to faces over time: linked by overlap, and smoothed."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from macbdf_mm.errors import ArgumentError
from macbdf_mm.prepare.faces.detector import Detections
from macbdf_mm.structures.face_track import FaceTrack, intersection_over_union

_Face = tuple[float, npt.NDArray[np.floating], float]
"""When it is seen, its box and its score."""


def link_detections(
    times_seconds: npt.ArrayLike,
    detections: Sequence[Detections],
    min_iou: float = 0.3,
    max_gap_seconds: float = 1.0,
    cuts_seconds: Sequence[float] = (),
) -> list[FaceTrack]:
    """Return one track for each face, in the order in which they appear.

    The faces of each picture are assigned to the tracks that are still open so that the sum of
    the overlaps is largest (the Hungarian method); whatever overlaps no track begins one. A
    track that misses a few pictures goes on, and one that misses more ends. All tracks end at a
    cut, since who is seen at the same place after it may be somebody else.

    Args:
        times_seconds: When each picture is shown, ascending, shape (P,).
        detections: The faces of each picture, all boxes in one unit.
        min_iou: A face belongs to a track only if its box and the track's last one have at
            least this intersection over union.
        max_gap_seconds: For how long a track may be without a face.
        cuts_seconds: When new shots begin, ascending.
    """
    times = np.asarray(times_seconds, np.float64).tolist()
    shots = np.searchsorted(cuts_seconds, times, side="right").tolist()
    tracks: list[list[_Face]] = []
    # Those of them that may go on: looking through all of an hour's would take ever longer.
    alive: list[list[_Face]] = []
    shot = 0
    for seconds, now, found in zip(times, shots, detections, strict=True):
        alive = [
            track
            for track in alive
            if now == shot and seconds - track[-1][0] <= max_gap_seconds + 1e-9
        ]
        shot = now
        continued = _match(alive, found, min_iou)
        for index, (box, score) in enumerate(zip(found.boxes, found.scores, strict=True)):
            if index not in continued:
                tracks.append([])
                alive.append(tracks[-1])
            continued.get(index, tracks[-1]).append((seconds, box, float(score)))
    return [_joined(track) for track in tracks]


def _joined(faces: list[_Face]) -> FaceTrack:
    moments, boxes, scores = zip(*faces, strict=True)
    return FaceTrack(
        np.array(moments),
        np.array(boxes, np.float64),
        score=float(np.mean(scores)),
        num_detections=len(moments),
    )


def _match(tracks: list[list[_Face]], found: Detections, min_iou: float) -> dict[int, list[_Face]]:
    """Return which face continues which track: index of the face -> track."""
    if not tracks or not len(found.scores):
        return {}
    overlap = intersection_over_union([track[-1][1] for track in tracks], found.boxes)
    # Pairs that may not be joined must not draw a face away from the track that it fits.
    rows, columns = linear_sum_assignment(np.where(overlap >= min_iou, overlap, 0), maximize=True)
    return {
        int(column): tracks[row]
        for row, column in zip(rows, columns, strict=True)
        if overlap[row, column] >= min_iou
    }


# Farther neighbours weigh less than a millionth.
_NUM_DEVIATIONS = 5.5


def smooth_boxes(
    times_seconds: npt.NDArray[np.float64], boxes: npt.NDArray[np.float64], scale_seconds: float
) -> npt.NDArray[np.float64]:
    """Return the boxes smoothed over time, same shape.

    Local linear regression with Gaussian weights (Fan, 1992): steady motion is kept exactly,
    also at the ends and over gaps, where a moving average would lag behind.

    Args:
        times_seconds: Ascending, shape (N,).
        boxes: Shape (N, 4).
        scale_seconds: Standard deviation of the weights; 0 leaves the boxes as they are.

    Raises:
        ValueError: If ``scale_seconds`` is negative.
    """
    if scale_seconds < 0:
        raise ArgumentError(f"Expected `scale_seconds` >= 0, got {scale_seconds}.")
    if scale_seconds == 0 or len(times_seconds) < 3:
        return boxes
    reach = _NUM_DEVIATIONS * scale_seconds
    firsts = np.searchsorted(times_seconds, times_seconds - reach)
    lasts = np.searchsorted(times_seconds, times_seconds + reach, side="right")
    smooth = boxes.copy()
    for index, (first, last) in enumerate(zip(firsts, lasts, strict=True)):
        offsets = times_seconds[first:last] - times_seconds[index]
        weights = np.exp(-0.5 * (offsets / scale_seconds) ** 2)
        # The fitted line's value at offset 0, from the weighted moments of the offsets.
        zeroth, moment, spread = weights.sum(), weights @ offsets, weights @ offsets**2
        determinant = zeroth * spread - moment**2
        # A moment far from all others has no neighbours to draw a line through.
        if determinant > 1e-12 * zeroth * scale_seconds**2:
            share = weights * (spread - moment * offsets) / determinant
            smooth[index] = share @ boxes[first:last]
    return smooth
