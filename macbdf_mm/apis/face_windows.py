"""The windows of each face of a file, cropped as the faces were that a model was trained on."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from macbdf_mm.apis.face_training import FaceTraining
from macbdf_mm.apis.window_reader import WindowReader, naming_allow_partial
from macbdf_mm.errors import DecoderStoppedError, UndecodableMediaError
from macbdf_mm.media.probe import MediaInfo, probe
from macbdf_mm.media.spans import following_spans
from macbdf_mm.prepare.faces.detector import FaceDetector
from macbdf_mm.prepare.faces.face_crop import WrittenCrop, write_face_crop
from macbdf_mm.prepare.faces.find_faces import FoundFaces, find_faces
from macbdf_mm.structures.face_track import FaceTrack
from macbdf_mm.structures.intervals import Interval

WITHOUT_FACE = "without a face"
"""Why the video of a window is not scored, beside what MaskUnusable says."""
# What a detector takes for a face by mistake is gone sooner, and the worst face would count. Of the
# face that `macbdf faces` chooses, less is enough.
_MIN_OTHER_SECONDS = 1.0
# A face that is seen in one picture.
_SHORTEST_SECONDS = 0.04
# Cropping a face for so long may take the decoder's time limit once more.
_SECONDS_PER_LIMIT = 30.0


@dataclass(frozen=True)
class FaceInFile:
    """One face that is scored.

    Attributes:
        id: 1 for the first to appear.
        track: Where it is, on the clock of the file.
        span_seconds: What of the file its windows cover.
    """

    id: int
    track: FaceTrack
    span_seconds: Interval

    def __deepcopy__(self, memo: object) -> "FaceInFile":
        # As of FoundFaces.
        return self


class FaceWindows:
    """Reads the windows of each face of a file.

    Faces are found, chosen and cropped by the functions of ``macbdf faces``, with the settings of
    the training. A model of prepared crops is given such a file, which is written into a temporary
    folder and deleted with its last window: its windows are those that a test on prepared crops
    has, encoded alike. Where the pipeline crops, it gets the face track, and the windows of the
    file's grid that lie within the shot.

    A face lies within one shot, and so do its windows.

    Args:
        reader: Reads windows.
        detector: Who looks for faces.
        training: How they are searched and cropped.
    """

    def __init__(
        self, reader: WindowReader, detector: FaceDetector, training: FaceTraining
    ) -> None:
        self.reader, self.detector, self.training = reader, detector, training

    def read(
        self, path: Path, info: MediaInfo, stride_seconds: float | None, allow_partial: bool
    ) -> Iterator[dict[str, Any]]:
        """Yield the windows of all faces of a file with video, one face after the other.

        Data samples say which ``face`` (:class:`FaceInFile`) a window shows, and what was
        ``found`` in the file; their spans are on its clock. Without a face, the windows of the
        file are given with their sound alone.

        Raises:
            DecoderStoppedError: If the decoder died or hung twice, unless ``allow_partial``.
            UndecodableMediaError: If the file cannot be read.
            UnwritableFileError: If there is no space for a crop.
        """
        found = find_faces(path, self.detector, self.training.tracking, self.reader.process)
        step = self.training.tracking.step_seconds
        tracks = sorted(
            (
                found.tracks[index]
                for index in found.candidates
                if _lasts(found.tracks[index], step)
            ),
            key=lambda track: track.interval,
        )
        read_track = self._in_pipeline if self.training.in_pipeline else self._cropped
        num_faces = 0
        for track in tracks:
            number = num_faces + 1
            for span, packed in read_track(path, info, found, track, stride_seconds, allow_partial):
                num_faces = number
                face = FaceInFile(number, track, span)
                packed["data_samples"].set_metainfo({"found": found, "face": face})
                yield packed
        if num_faces:
            return
        spans = self.reader.plan(info.duration_seconds, stride_seconds)
        for number, span in enumerate(spans, start=1):
            later = following_spans(spans, number)
            packed = self.reader.read(
                path, info, span, allow_partial, with_video=False, later=later
            )
            sample = packed["data_samples"]
            unusable = {**sample.get("unusable", {}), "video": WITHOUT_FACE}
            sample.set_metainfo({"found": found, "face": None, "unusable": unusable})
            yield packed

    def _cropped(
        self,
        path: Path,
        info: MediaInfo,
        found: FoundFaces,
        track: FaceTrack,
        stride_seconds: float | None,
        allow_partial: bool,
    ) -> Iterator[tuple[Interval, dict[str, Any]]]:
        """Yield what is covered, and each window of the face's crop."""
        with TemporaryDirectory(prefix="macbdf-face-") as folder:
            crop = Path(folder) / f"face{self.training.crops.suffix}"
            try:
                written = self._write_crop(path, track, crop, found.shot_of(track))
            except UndecodableMediaError as error:
                if isinstance(error, DecoderStoppedError) and not allow_partial:
                    raise naming_allow_partial(error) from error
                yield from self._unread(path, info, track, stride_seconds, error)
                return
            crop_info = self.reader.process.call(probe, crop)
            begin, end = written.start_seconds, min(written.end_seconds, info.duration_seconds)
            # As the annotation of prepared crops states it.
            seconds = round(written.end_seconds - written.start_seconds, 6)
            spans = self.reader.plan(seconds, stride_seconds)
            for number, (first, last) in enumerate(spans, start=1):
                later = following_spans(spans, number)
                packed = self.reader.read(
                    crop, crop_info, (first, last), allow_partial, later=later
                )
                sample = packed["data_samples"]
                problem = sample.decode_error
                sample.set_metainfo(
                    {
                        "file": str(path),
                        "path": str(path),
                        "span_seconds": (begin + first, begin + last),
                        "duration_seconds": info.duration_seconds,
                        "media_info": info,
                        "decode_error": problem and problem.replace(str(crop), str(path)),
                    }
                )
                yield (begin, end), packed

    def _write_crop(self, path: Path, track: FaceTrack, crop: Path, shot: Interval) -> WrittenCrop:
        process = self.reader.process
        first, last = track.interval
        limit = process.time_limit_seconds * (1 + (last - first) / _SECONDS_PER_LIMIT)
        settings = self.training.crops
        return process.call_within(limit, write_face_crop, path, track, crop, settings, shot)

    def _unread(
        self,
        path: Path,
        info: MediaInfo,
        track: FaceTrack,
        stride_seconds: float | None,
        error: UndecodableMediaError,
    ) -> Iterator[tuple[Interval, dict[str, Any]]]:
        """Yield windows without content for a face that could not be cropped."""
        begin, end = track.interval
        for first, last in self.reader.plan(max(end - begin, _SHORTEST_SECONDS), stride_seconds):
            span = begin + first, begin + last
            yield (begin, end), self.reader.read_nothing(path, info, span, error)

    def _in_pipeline(
        self,
        path: Path,
        info: MediaInfo,
        found: FoundFaces,
        track: FaceTrack,
        stride_seconds: float | None,
        allow_partial: bool,
    ) -> Iterator[tuple[Interval, dict[str, Any]]]:
        """Yield what is covered, and each window in which the pipeline is to crop the face."""
        begin, end = found.shot_of(track)
        first, last = track.interval
        spans = [
            span
            for span in self.reader.plan(info.duration_seconds, stride_seconds)
            if begin <= span[0] and span[1] <= end and span[0] <= last and first < span[1]
        ]
        faces = [replace(track, chosen=True).as_entry()]
        for number, span in enumerate(spans, start=1):
            covered = spans[0][0], min(spans[-1][1], info.duration_seconds)
            later = following_spans(spans, number)
            yield (
                covered,
                self.reader.read(path, info, span, allow_partial, faces=faces, later=later),
            )


def _lasts(track: FaceTrack, step_seconds: float) -> bool:
    """Return whether a face that could be chosen is scored."""
    first, last = track.interval
    return track.chosen or last - first + step_seconds >= _MIN_OTHER_SECONDS - 1e-6
