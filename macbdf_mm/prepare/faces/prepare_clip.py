"""Preparing one clip: find its faces, choose one, and write its crop."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import av

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import MissingDataError, UndecodableMediaError
from macbdf_mm.prepare.faces.detector import FaceDetector, build_detector
from macbdf_mm.prepare.faces.face_crop import CropSettings, write_face_crop
from macbdf_mm.prepare.faces.find_faces import FoundFaces, TrackingSettings, find_faces
from macbdf_mm.structures.face_track import FaceTrack, choose_track, parse_face_track
from macbdf_mm.structures.intervals import Interval
from macbdf_mm.utils.files import FileStamp
from macbdf_mm.utils.jobs import is_passing

# Increase it when the same settings give another result; older results are then not reused.
PREPARATION_VERSION = 2
_KEY_LENGTH = 20
CROPS_FOLDER = "crops"

Status = Literal["found", "several", "failed"]


@dataclass(frozen=True)
class PreparationSettings:
    """Settings of face preparation.

    Attributes:
        detector: Config of a detector in ``FACE_DETECTORS``; None takes the boxes that stand
            in the annotation.
        tracking: How files are looked through.
        crops: How crops are written; None writes boxes alone.
        imports: Modules that register detectors.
    """

    detector: Mapping[str, Any] | None
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    crops: CropSettings | None = None
    imports: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """Return the settings as plain values, to be kept with the result."""
        return {
            "version": PREPARATION_VERSION,
            "detector": dict(self.detector) if self.detector is not None else "annotation",
            "tracking": asdict(self.tracking) if self.detector is not None else None,
            "crops": self.crops.record() if self.crops is not None else None,
        }

    def key(self, row: ClipRow, path: Path) -> str:
        """Return the name under which a clip's result is kept, hexadecimal.

        It changes with the settings, the file's name, size and time of change, and with the
        row's own boxes where these are used.
        """
        found = FileStamp.of(path)
        stamp = [-1, -1] if found is None else found.as_json()
        boxes = row.faces if self.detector is None else None
        text = json.dumps([self.record(), row.file, stamp, boxes], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:_KEY_LENGTH]


@dataclass(frozen=True)
class ClipResult:
    """The faces of one clip, or why there are none.

    Attributes:
        file: As the annotation names it.
        key: Under which the result is kept.
        status: ``found``: one face; ``several``: one of several that could be it was chosen;
            ``failed``: none.
        reason: Why it failed, else None.
        faces: All tracks, as entries of the annotation.
        covered_share: Share of the clip in which the chosen face is seen, else None.
        num_frames: How many frames were looked at.
        crop_file: The crop, relative to the output folder, or None.
        crop_seconds: Start and end of the crop in the source, or None.
        crop_face: Mean box of the face in the crop, as fractions of it, or None.
    """

    file: str
    key: str
    status: Status
    reason: str | None = None
    faces: tuple[dict[str, Any], ...] = ()
    covered_share: float | None = None
    num_frames: int = 0
    crop_file: str | None = None
    crop_seconds: tuple[float, float] | None = None
    crop_face: tuple[float, float, float, float] | None = None


def prepare_clip(
    row: ClipRow,
    path: Path,
    key: str,
    out_dir: Path,
    settings: PreparationSettings,
    detector: FaceDetector | None,
) -> ClipResult:
    """Return the faces of a clip, and write its crop if the settings ask for one.

    What is wrong with the file becomes a failed result; what is wrong with the machine today, such
    as a missing permission, does not.

    Args:
        row: The clip.
        path: Its file.
        key: Under which the result is kept; it names the crop.
        out_dir: Where crops go.
        settings: How.
        detector: Who looks for faces; None if the row's own boxes are used.

    Raises:
        UndecodableMediaError: If the file cannot be read for a passing reason.
        UnwritableFileError: If the crop cannot be written.
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
                status="several" if len(found.candidates) > 1 else "found",
                covered_share=_covered_share(chosen, found, settings),
            ),
            path,
            chosen,
            found.shot_of(chosen),
            out_dir,
            settings,
        )
    except (MissingDataError, UndecodableMediaError, av.error.FFmpegError) as error:
        if isinstance(error, av.error.FFmpegError):
            # Such as sound of more channels than FFmpeg can mix.
            reason = f"{row.file}: FFmpeg cannot convert it: {error.strerror}."
        else:
            # As the annotation names the file: reasons go into it, and folders differ by machine.
            reason = str(error).replace(str(path), row.file)
        if is_passing(error):
            raise UndecodableMediaError(reason) from error
        return replace(failed, reason=reason)


class ClipWorker:
    """A worker that prepares clips, with one detector in each process.

    Args:
        data_root: The folder of the files.
        out_dir: Where crops go.
        settings: How.
    """

    def __init__(self, data_root: Path, out_dir: Path, settings: PreparationSettings) -> None:
        self.data_root, self.out_dir, self.settings = data_root, out_dir, settings
        self._detector: FaceDetector | None = None

    def start(self) -> None:
        """Build the detector.

        Raises:
            ConfigError: If it is not registered, or a module cannot be imported.
            MissingBackendError: If what it needs is not installed.
        """
        self._detector = build_detector(self.settings.detector, self.settings.imports)

    def __call__(self, argument: tuple[ClipRow, str]) -> dict[str, Any]:
        """Return the fields of the :class:`ClipResult` of a row, which is kept under a key."""
        row, key = argument
        path = self.data_root / row.file
        return asdict(prepare_clip(row, path, key, self.out_dir, self.settings, self._detector))


def _own_faces(row: ClipRow) -> FoundFaces:
    """Return the faces that the annotation states."""
    tracks = [parse_face_track(entry) for entry in row.faces or ()]
    chosen = choose_track(tracks)
    if chosen is None:
        reason = row.extra.get("face_failure", "the annotation has no `faces` for it")
        return FoundFaces((), str(reason))
    marked = tuple(replace(track, chosen=i == chosen) for i, track in enumerate(tracks))
    return FoundFaces(marked, None, candidates=tuple(range(len(tracks))))


def _covered_share(
    chosen: FaceTrack, found: FoundFaces, settings: PreparationSettings
) -> float | None:
    if not found.num_frames:
        return None
    start, end = chosen.interval
    step = settings.tracking.step_seconds
    return round(min(1.0, (end - start + step) / (found.num_frames * step)), 3)


def _with_crop(
    result: ClipResult,
    path: Path,
    chosen: FaceTrack,
    shot: Interval,
    out_dir: Path,
    settings: PreparationSettings,
) -> ClipResult:
    if settings.crops is None:
        return result
    file = f"{CROPS_FOLDER}/{result.key[:2]}/{result.key}{settings.crops.suffix}"
    written = write_face_crop(path, chosen, out_dir / file, settings.crops, shot)
    seconds = round(written.start_seconds, 6), round(written.end_seconds, 6)
    return replace(result, crop_file=file, crop_seconds=seconds, crop_face=written.face_box)
