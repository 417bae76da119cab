"""Preparing one clip: find its faces, choose one, and write its crop."""

from dataclasses import replace
from pathlib import Path

import av

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import MissingDataError, UndecodableMediaError
from macbdf_mm.prepare.faces.clip_result import ClipResult
from macbdf_mm.prepare.faces.detector import FaceDetector
from macbdf_mm.prepare.faces.find_faces import FoundFaces, find_faces
from macbdf_mm.prepare.faces.preparation_settings import PreparationSettings
from macbdf_mm.prepare.faces.write_face_crop import write_face_crop
from macbdf_mm.structures.face_track import FaceTrack, choose_track, parse_face_track

CROPS_FOLDER = "crops"


def prepare_clip(
    row: ClipRow,
    path: Path,
    key: str,
    out_dir: Path,
    settings: PreparationSettings,
    detector: FaceDetector | None,
) -> ClipResult:
    """Return the faces of a clip, and write its crop if the settings ask for one.

    What is wrong with the file becomes a failed result.

    Args:
        row: The clip.
        path: Its file.
        key: Under which the result is kept; it names the crop.
        out_dir: Where crops go.
        settings: How.
        detector: Who looks for faces; None if the row's own boxes are used.
    """
    failed = ClipResult(row.file, key, "failed")
    try:
        found = (
            _own_faces(row) if detector is None else find_faces(path, detector, settings.tracking)
        )
        faces = tuple(track.as_entry() for track in found.tracks)
        failed = replace(failed, faces=faces, num_frames=found.num_frames)
        if found.failure is not None:
            return replace(failed, reason=found.failure)
        chosen = next(track for track in found.tracks if track.chosen)
        return _with_crop(
            replace(
                failed,
                status="several" if found.num_candidates > 1 else "found",
                covered_share=_covered_share(chosen, found, settings),
            ),
            path,
            chosen,
            out_dir,
            settings,
        )
    except (MissingDataError, UndecodableMediaError) as error:
        # As the annotation names the file: reasons go into it, and folders differ by machine.
        return replace(failed, reason=str(error).replace(str(path), row.file))
    except av.error.FFmpegError as error:
        # Such as sound of more channels than FFmpeg can mix.
        return replace(failed, reason=f"{row.file}: FFmpeg cannot convert it: {error.strerror}.")


def _own_faces(row: ClipRow) -> FoundFaces:
    """Return the faces that the annotation states."""
    tracks = [parse_face_track(entry) for entry in row.faces or ()]
    chosen = choose_track(tracks)
    if chosen is None:
        reason = row.extra.get("face_failure", "the annotation has no `faces` for it")
        return FoundFaces((), str(reason))
    marked = tuple(replace(track, chosen=i == chosen) for i, track in enumerate(tracks))
    return FoundFaces(marked, None, num_candidates=len(tracks))


def _covered_share(
    chosen: FaceTrack, found: FoundFaces, settings: PreparationSettings
) -> float | None:
    if not found.num_frames:
        return None
    start, end = chosen.interval
    step = settings.tracking.step_seconds
    return round(min(1.0, (end - start + step) / (found.num_frames * step)), 3)


def _with_crop(
    result: ClipResult, path: Path, chosen: FaceTrack, out_dir: Path, settings: PreparationSettings
) -> ClipResult:
    if settings.crops is None:
        return result
    file = f"{CROPS_FOLDER}/{result.key[:2]}/{result.key}{settings.crops.suffix}"
    written = write_face_crop(path, chosen, out_dir / file, settings.crops)
    seconds = round(written.start_seconds, 6), round(written.end_seconds, 6)
    return replace(result, crop_file=file, crop_seconds=seconds, crop_face=written.face_box)
