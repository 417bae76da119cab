"""Which of several faces is the one to look at."""

from collections.abc import Sequence

import numpy as np

from macbdf_mm.structures.boxes import box_areas
from macbdf_mm.structures.face_track import FaceTrack


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
