"""From a file and a face's track to a small file of the face with its sound."""

import os
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.media.crop_square import crop_square
from macbdf_mm.media.frames import shown_frames
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.sound import read_waveform
from macbdf_mm.prepare.faces.crop_settings import CropSettings
from macbdf_mm.prepare.faces.crop_writer import CropWriter
from macbdf_mm.structures.face_track import FaceTrack, squares_around

# Sound is copied in pieces of this length, so that the file is interleaved.
_CHUNK_SECONDS = 2
# Ogg's rate can be 0/0.
_FALLBACK_FPS = 25.0
_ROUNDING_SECONDS = 1e-6


@dataclass(frozen=True)
class WrittenCrop:
    """What a crop file shows of its source.

    Attributes:
        start_seconds: When its first frame is shown in the source.
        end_seconds: When its last frame ends there.
        num_frames: How many frames it has; all of the source's between the two.
        face_box: Mean left, top, right, bottom of the face, as fractions of the crop.
    """

    start_seconds: float
    end_seconds: float
    num_frames: int
    face_box: tuple[float, float, float, float]


def write_face_crop(
    source: str | Path, track: FaceTrack, path: str | Path, settings: CropSettings
) -> WrittenCrop:
    """Write the face of a track with the sound of the same seconds.

    Every frame of the source in which the face is known is cropped, and keeps its distance in
    time from the others and from the sound. The file is complete or not there.

    Args:
        source: A media file with video.
        track: The face.
        path: The file to write; its folder is made.
        settings: How.

    Raises:
        UndecodableMediaError: If no frame of the source lies within the track.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The process's number: two that write the same crop at once do not disturb each other.
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        written = _write(Path(source), track, partial, settings)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return written


def _write(source: Path, track: FaceTrack, path: Path, settings: CropSettings) -> WrittenCrop:
    first, last = track.interval
    hold = settings.max_hold_seconds
    # Opened twice: reading sound moves the place in the file where frames are read.
    with MediaFile(source) as video, MediaFile(source) as audio:
        frames = shown_frames(video, (first - hold, last + hold + _ROUNDING_SECONDS))
        opening = next(frames, None)
        if opening is None:
            raise UndecodableMediaError(
                f"{source} shows no frame from {first:.2f} to {last:.2f} s, where its face "
                "track lies; look for faces again."
            )
        start = opening[1]
        fps = _usual_fps(video)
        with CropWriter(path, settings, fps, audio.audio is not None) as writer:
            sound = _SoundCopy(audio, writer, settings.sample_rate, start)
            shares: list[npt.NDArray[np.float64]] = []
            seconds, step = start, 1 / fps
            for image, now in chain([opening], frames):
                step = now - seconds if now > seconds else step
                seconds = now
                boxes, _ = track.boxes_at([seconds])
                height, width = image.shape[:2]
                (square,) = squares_around(boxes, (height, width), settings.margin)
                writer.write_frame(crop_square(image, square, settings.size), seconds - start)
                shares.append((boxes[0, 2:] - boxes[0, :2]) * [width, height] / square[2])
                sound.follow(seconds)
            sound.finish(seconds + step)
    half_width, half_height = (float(share) / 2 for share in np.mean(shares, axis=0))
    face = 0.5 - half_width, 0.5 - half_height, 0.5 + half_width, 0.5 + half_height
    return WrittenCrop(start, seconds + step, len(shares), face)


class _SoundCopy:
    """Copies sound from a file to a writer, a little behind the frames.

    Only what the source has: a crop's sound begins late or ends early if the source's does. A
    gap in the middle becomes silence.
    """

    def __init__(
        self, file: MediaFile, writer: CropWriter, sample_rate: int, start_seconds: float
    ) -> None:
        self.file, self.writer = file, writer
        self.sample_rate, self.start_seconds = sample_rate, start_seconds
        self.num_read = 0
        self.written_to: int | None = None

    def follow(self, seconds: float) -> None:
        """Copy the whole chunks that end before a moment of the source."""
        if self.file.audio is None:
            return
        # Whole seconds: all chunks then round their start to the source's samples alike, and
        # join without a click.
        while self.start_seconds + self.num_read / self.sample_rate + _CHUNK_SECONDS <= seconds:
            self._copy(_CHUNK_SECONDS * self.sample_rate)

    def finish(self, seconds: float) -> None:
        """Copy all that is left up to a moment of the source."""
        self.follow(seconds)
        self._copy(round((seconds - self.start_seconds) * self.sample_rate) - self.num_read)

    def _copy(self, num_samples: int) -> None:
        if self.file.audio is None or num_samples < 1:
            return
        first = self.start_seconds + self.num_read / self.sample_rate
        span = first, first + num_samples / self.sample_rate
        waveform, valid = read_waveform(self.file, span, self.sample_rate)
        there = np.flatnonzero(valid)
        if len(there):
            low, high = int(there[0]), int(there[-1]) + 1
            begin = self.num_read + low
            gap = 0 if self.written_to is None else begin - self.written_to
            piece = np.concatenate([np.zeros(gap, np.float32), waveform[low:high]])
            self.writer.write_sound(piece, begin - gap)
            self.written_to = self.num_read + high
        self.num_read += num_samples


def _usual_fps(file: MediaFile) -> float:
    rate = None if file.video is None else file.video.rate
    return float(rate) if rate else _FALLBACK_FPS
