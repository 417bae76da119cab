"""Loading prepared crops of a face against full frames that are cropped while loading."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from benchmarks.decoding import read_each
from benchmarks.filmed_clip import write_filmed_clip
from benchmarks.rows import Row, speed_row
from benchmarks.settings import Settings
from benchmarks.timing import Comparison, cpu_seconds, measure_in_turns
from macbdf_mm.media.crop_square import crop_square
from macbdf_mm.media.probe import probe
from macbdf_mm.media.read_span import DecodedSpan, read_span
from macbdf_mm.prepare.faces.face_crop import CropSettings, write_face_crop
from macbdf_mm.structures.face_track import FaceTrack, squares_around

FULL = "full frames"
# The clip that is loaded in each repetition, and the side of its faces in pixels.
_SPAN_SECONDS = 2.56
_NUM_FRAMES = 16
_SAMPLE_RATE = 16_000
_FACE_SIZE = 224
# Side of the crop over the longer side of the face's box.
_MARGIN = 1.3


@dataclass(frozen=True)
class _Source:
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
_GOALS = {"mp4": "crops_mp4", "jpeg": "crops_jpeg"}


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
            speed = measure_crop_speed(
                path,
                face_of_filmed_clip(source.seconds),
                folder,
                num_clips=10,
                num_rounds=settings.num_rounds,
                seed=settings.seed,
            )
        for form, goal in _GOALS.items():
            size = f"{speed.num_bytes[FULL] / 1e6:.2f} MB, crop {speed.num_bytes[form] / 1e6:.2f}"
            yield speed_row(
                f"loading a face of 224 pixels from {form} crops",
                f"{source.name}, file of {size}",
                "full frames, cropped while loading",
                Comparison(speed.seconds[form], speed.seconds[FULL]),
                goal if source is _SOURCES[0] else None,
            )


@dataclass(frozen=True)
class CropSpeed:
    """CPU seconds of this process for one clip, by way of loading.

    Attributes:
        seconds: Way -> one mean over all clips for each round.
        num_bytes: Way -> size of its file.
    """

    seconds: Mapping[str, tuple[float, ...]]
    num_bytes: Mapping[str, int]

    def describe(self) -> str:
        """Return one line a way: medians over rounds, and the size of the file."""
        lines = []
        for way, seconds in self.seconds.items():
            ratio = np.median(np.divide(self.seconds[FULL], seconds))
            lines.append(
                f"{way}: {1000 * np.median(seconds):.1f} ms a clip, {ratio:.1f}x, "
                f"{self.num_bytes[way] / 1e6:.2f} MB"
            )
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
    files: dict[str, Path] = {}
    for form in ("mp4", "jpeg"):
        settings = CropSettings(form, _FACE_SIZE, _MARGIN, sample_rate=_SAMPLE_RATE)
        files[form] = Path(folder) / f"crop{settings.suffix}"
        written = write_face_crop(path, track, files[form], settings)
        start, end = written.start_seconds, written.end_seconds
    rng = np.random.default_rng(seed)
    begins = rng.uniform(0, max(0.0, end - start - _SPAN_SECONDS), num_clips)
    calls: dict[str, Callable[[], object]] = {
        FULL: partial(read_each, partial(_load_full, path, track), start + begins),
        **{form: partial(read_each, partial(_load, file), begins) for form, file in files.items()},
    }
    seconds = measure_in_turns(calls, cpu_seconds, num_rounds)
    sizes = {FULL: Path(path).stat().st_size, **{f: p.stat().st_size for f, p in files.items()}}
    means = {way: tuple(s / num_clips for s in values) for way, values in seconds.items()}
    return CropSpeed(means, sizes)


def _load_full(path: str | Path, track: FaceTrack, begin: float) -> None:
    frames = np.asarray(_load(path, begin).frames)
    times = begin + (np.arange(_NUM_FRAMES) + 0.5) * _SPAN_SECONDS / _NUM_FRAMES
    boxes, _ = track.boxes_at(times)
    squares = squares_around(boxes, frames.shape[1:3], _MARGIN)
    for frame, square in zip(frames, squares, strict=True):
        crop_square(frame, square, _FACE_SIZE)


def _load(path: str | Path, begin: float) -> DecodedSpan:
    return read_span(path, (begin, begin + _SPAN_SECONDS), _NUM_FRAMES, _SAMPLE_RATE)
