"""Cropping the face while loading, along its track."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from macbdf_mm.errors import ArgumentError, MissingDataError
from macbdf_mm.media.crop_square import crop_square
from macbdf_mm.registry import TRANSFORMS
from macbdf_mm.structures.face_track import (
    FaceTrack,
    choose_track,
    parse_face_track,
    squares_around,
)


@TRANSFORMS.register_module()
class CropFaceTrack:
    """Crop the clip's face out of each frame, by the frame's own time.

    Comes after decoding frames of full size. A frame in which the face is not known to be
    there turns black and not valid, as if the track of the file were missing there; the whole
    frame is never taken in its place. A clip whose frames are all missing stays as it is.

    Required keys: imgs, T upright frames (H, W, 3), RGB, uint8; video_valid (T,);
    span_seconds; faces, as in the annotation; path.
    Optional keys: extra, whose face_failure says why there is no face.
    Modified keys: imgs, T frames (size, size, 3); video_valid; img_shape.
    Added keys: face_boxes (T, 4), float32: left, top, right, bottom of the face in pixels of
    the crop.

    Args:
        size: Height and width of the crops, in pixels.
        margin: Side of the crop over the longer side of the face's box.
        max_hold_seconds: For how long the face is taken to stay where it was last seen, at both
            ends of its track.

    Raises:
        MissingDataError: If the row has no face; the data set then stops or skips it, as its
            ``on_decode_error`` says.
        ValueError: If an argument is out of range.
    """

    def __init__(self, size: int = 224, margin: float = 1.3, max_hold_seconds: float = 0.5) -> None:
        if size < 1:
            raise ArgumentError(f"Expected `size` > 0, got {size}.")
        if not margin > 0:
            raise ArgumentError(f"Expected `margin` > 0, got {margin}.")
        if max_hold_seconds < 0:
            raise ArgumentError(f"Expected `max_hold_seconds` >= 0, got {max_hold_seconds}.")
        self.size, self.margin, self.max_hold_seconds = size, margin, max_hold_seconds

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``results`` with crops for frames."""
        frames, valid = results["imgs"], np.array(results["video_valid"], np.bool_)
        crops = [np.zeros((self.size, self.size, 3), np.uint8) for _ in frames]
        boxes = np.zeros((len(frames), 4))
        if valid.any():
            track = chosen_track(results)
            # A frame is shown in the middle of its step.
            start, end = results["span_seconds"]
            times = start + (np.arange(len(frames)) + 0.5) * (end - start) / len(frames)
            shares, known = track.boxes_at(times, self.max_hold_seconds)
            valid &= known
            height, width = frames[0].shape[:2]
            squares = squares_around(shares, (height, width), self.margin)
            pixels = shares * [width, height, width, height]
            corners = squares[:, :2] - squares[:, 2:] / 2  # (T, 2)
            boxes = (pixels - np.tile(corners, 2)) * (self.size / squares[:, 2:])
            for index in np.flatnonzero(valid):
                crops[index] = crop_square(frames[index], squares[index], self.size)
        results.update(
            imgs=crops,
            video_valid=valid,
            img_shape=(self.size, self.size),
            face_boxes=boxes.astype(np.float32),
        )
        return results


def chosen_track(results: Mapping[str, Any]) -> FaceTrack:
    """Return the face of a row.

    Raises:
        MissingDataError: If it has none, with the reason where one is known.
    """
    entries = results.get("faces")
    if entries is None:
        raise MissingDataError(
            f"Nobody has looked for faces in {results['path']}; run `macbdf faces` on "
            "the annotation, or fill in its field `faces`."
        )
    tracks = [parse_face_track(entry) for entry in entries]
    reason = (results.get("extra") or {}).get("face_failure")
    chosen = choose_track(tracks)
    if chosen is None or (reason and not any(track.chosen for track in tracks)):
        raise MissingDataError(
            f"{results['path']} has no usable face: {reason or '`faces` is empty'}."
        )
    return tracks[chosen]
