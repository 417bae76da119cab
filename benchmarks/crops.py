"""Loading prepared crops of a face against full frames that are cropped while loading."""

import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import numpy as np

from benchmarks.filmed_clip import write_filmed_clip
from benchmarks.report import Goal
from benchmarks.rows import Row, make_row
from benchmarks.settings import Settings
from benchmarks.timing import Call, Times, all_calls, measure_in_turns
from macbdf_mm.media.crop_square import crop_square
from macbdf_mm.media.probe import probe
from macbdf_mm.media.read_span import DecodedSpan, read_span
from macbdf_mm.prepare.faces.face_crop import CropSettings, write_face_crop
from macbdf_mm.structures.face_track import FaceTrack, squares_around

FULL = "full frames"
FORMS: tuple[Literal["mp4", "jpeg"], ...] = ("mp4", "jpeg")
# The clip that is loaded in each repetition, and the side of its faces in pixels.
_SPAN_SECONDS = 2.56
_NUM_FRAMES = 16
_SAMPLE_RATE = 16_000
_FACE_SIZE = 224
# Side of the crop over the longer side of the face's box.
_MARGIN = 1.3


class _Source(NamedTuple):
    name: str
    size: tuple[int, int]
    seconds: float
    gop: int


# The goals are held against the first, where full frames cost least and crops save least.
_SOURCES = (
    _Source("480p, GOP 25", (480, 854), 10.0, 25),
    _Source("480p, GOP 250", (480, 854), 10.0, 250),
    _Source("1080p, GOP 250", (1080, 1920), 4.0, 250),
)
CROP_GOALS = (
    Goal("crops_mp4", "crops", "prepared mp4 crops / full frames, 480p", 8.0),
    Goal("crops_jpeg", "crops", "prepared JPEG crops / full frames, 480p", 40.0),
)


def face_of_filmed_clip(seconds: float) -> FaceTrack:
    """Return the track of the figure's head, a third of the frame's height."""
    return FaceTrack(np.array([0.0, seconds]), np.array([[0.4, 0.25, 0.6, 0.6]] * 2))


def measure_prepared_crops(settings: Settings) -> Iterator[Row]:
    """Yield 16 frames of 224 pixels with their sound, from mp4 and from JPEG crops."""
    cv2.setNumThreads(1)
    for source in _SOURCES[:1] if settings.is_quick else _SOURCES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "filmed.mp4"
            write_filmed_clip(path, source.seconds, source.size, settings.seed, source.gop)
            track = face_of_filmed_clip(source.seconds)
            speed = measure_crop_speed(path, track, folder, 10, settings.num_rounds, settings.seed)
        for form in FORMS:
            size = f"{speed.num_bytes[FULL] / 1e6:.2f} MB, crop {speed.num_bytes[form] / 1e6:.2f}"
            yield make_row(
                f"loading a face of 224 pixels from {form} crops",
                f"{source.name}, file of {size}",
                "full frames, cropped while loading",
                speed.milliseconds[form],
                speed.milliseconds[FULL],
                goal=f"crops_{form}" if source is _SOURCES[0] else None,
            )


@dataclass(frozen=True)
class CropSpeed:
    """Milliseconds of this process's CPU time for one clip, by way of loading.

    Attributes:
        milliseconds: Way -> one mean over all clips for each round.
        num_bytes: Way -> size of its file.
    """

    milliseconds: Mapping[str, Times]
    num_bytes: Mapping[str, int]

    def describe(self) -> str:
        """Return one line a way: medians over rounds, and the size of the file."""
        lines = []
        for way, times in self.milliseconds.items():
            ratio = np.median(np.divide(self.milliseconds[FULL], times))
            size = self.num_bytes[way] / 1e6
            lines.append(f"{way}: {np.median(times):.1f} ms a clip, {ratio:.1f}x, {size:.2f} MB")
        return "\n".join(lines)


def measure_crop_speed(
    path: str | Path,
    track: FaceTrack,
    folder: str | Path,
    num_clips: int = 10,
    num_rounds: int = 5,
    seed: int = 0,
) -> CropSpeed:
    """Return how long it takes to load clips of a face, prepared and not.

    Every way reads the same random spans of one file, all ways in turn in every round, so that
    what else the machine does meets them alike. Limit the threads to one before.

    Args:
        path: A media file with video.
        track: The face in it.
        folder: Where the prepared crops go.
        num_clips: Spans a round.
        num_rounds: How often all is repeated.
        seed: Of the spans.
    """
    start, end = 0.0, probe(path).duration_seconds
    files = {FULL: Path(path)}
    for form in FORMS:
        settings = CropSettings(form, _FACE_SIZE, _MARGIN, sample_rate=_SAMPLE_RATE)
        files[form] = Path(folder) / f"crop{settings.suffix}"
        written = write_face_crop(path, track, files[form], settings)
        start, end = written.start_seconds, written.end_seconds
    rng = np.random.default_rng(seed)
    begins = rng.uniform(0, max(0.0, end - start - _SPAN_SECONDS), num_clips)
    calls: dict[str, Call] = {
        form: all_calls([partial(_load, files[form], begin) for begin in begins]) for form in FORMS
    }
    calls[FULL] = all_calls([partial(_load_full, path, track, start + t) for t in begins])
    turns = measure_in_turns({way: calls[way] for way in files}, time.process_time, num_rounds)
    return CropSpeed(
        {way: tuple(ms / num_clips for ms in values) for way, values in turns.items()},
        {way: file.stat().st_size for way, file in files.items()},
    )


def _load_full(path: str | Path, track: FaceTrack, begin: float) -> None:
    frames = np.asarray(_load(path, begin).frames)
    times = begin + (np.arange(_NUM_FRAMES) + 0.5) * _SPAN_SECONDS / _NUM_FRAMES
    boxes, _ = track.boxes_at(times)
    squares = squares_around(boxes, frames.shape[1:3], _MARGIN)
    for frame, square in zip(frames, squares, strict=True):
        crop_square(frame, square, _FACE_SIZE)


def _load(path: str | Path, begin: float) -> DecodedSpan:
    return read_span(path, (begin, begin + _SPAN_SECONDS), _NUM_FRAMES, _SAMPLE_RATE)
