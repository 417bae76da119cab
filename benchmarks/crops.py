"""Loading prepared crops of a face against full frames that are cropped while loading."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from benchmarks.filmed_clip import write_filmed_clip
from benchmarks.rows import Row, speed_row
from benchmarks.settings import Settings
from benchmarks.timing import Comparison
from macbdf_mm.media.crop_square import crop_square
from macbdf_mm.media.probe import probe
from macbdf_mm.media.read_span import DecodedSpan, read_span
from macbdf_mm.prepare.faces.face_crop import CropSettings, write_face_crop
from macbdf_mm.structures.face_track import FaceTrack, squares_around

FULL = "full frames"


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
class ClipLoad:
    """The clip that is loaded in each repetition.

    Attributes:
        span_seconds: Length of a clip.
        num_frames: Frames of it.
        sample_rate: Of its sound, in Hz.
        size: Of the face, in pixels.
        margin: Side of the crop over the longer side of the face's box.
    """

    span_seconds: float = 2.56
    num_frames: int = 16
    sample_rate: int = 16_000
    size: int = 224
    margin: float = 1.3


@dataclass(frozen=True)
class CropSpeed:
    """CPU seconds of this process for one clip, by way of loading.

    Attributes:
        seconds: Way -> one mean over all clips for each round.
        num_bytes: Way -> size of its file.
    """

    seconds: Mapping[str, tuple[float, ...]]
    num_bytes: Mapping[str, int]

    def milliseconds(self, way: str) -> float:
        """Return the median over rounds."""
        return 1000 * float(np.median(self.seconds[way]))

    def ratio(self, way: str) -> float:
        """Return how many times faster a way is than full frames, the median over rounds."""
        return float(np.median(np.divide(self.seconds[FULL], self.seconds[way])))

    def describe(self) -> str:
        """Return one line a way."""
        return "\n".join(
            f"{way}: {self.milliseconds(way):.1f} ms a clip, {self.ratio(way):.1f}x, "
            f"{self.num_bytes[way] / 1e6:.2f} MB"
            for way in self.seconds
        )


def measure_crop_speed(
    path: str | Path,
    track: FaceTrack,
    folder: str | Path,
    load: ClipLoad | None = None,
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
        load: What is loaded.
        num_clips: Spans a round.
        num_rounds: How often all is repeated.
        seed: Of the spans.
    """
    load = load or ClipLoad()
    start, end = 0.0, probe(path).duration_seconds
    files: dict[str, Path] = {}
    for form in ("mp4", "jpeg"):
        settings = CropSettings(form, load.size, load.margin, sample_rate=load.sample_rate)
        files[form] = Path(folder) / f"crop{settings.suffix}"
        written = write_face_crop(path, track, files[form], settings)
        start, end = written.start_seconds, written.end_seconds
    rng = np.random.default_rng(seed)
    begins = rng.uniform(0, max(0.0, end - start - load.span_seconds), num_clips)
    ways: dict[str, Callable[[float], object]] = {
        FULL: lambda begin: _load_full(path, track, load, start + begin),
        **{form: partial(_load, file, load) for form, file in files.items()},
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(num_rounds):
        for way, read in ways.items():
            began = time.process_time()
            for begin in begins:
                read(float(begin))
            seconds[way].append((time.process_time() - began) / num_clips)
    sizes = {FULL: Path(path).stat().st_size, **{f: p.stat().st_size for f, p in files.items()}}
    return CropSpeed({way: tuple(values) for way, values in seconds.items()}, sizes)


def _load_full(path: str | Path, track: FaceTrack, load: ClipLoad, begin: float) -> None:
    frames = np.asarray(_load(path, load, begin).frames)
    times = begin + (np.arange(load.num_frames) + 0.5) * load.span_seconds / load.num_frames
    boxes, _ = track.boxes_at(times)
    squares = squares_around(boxes, frames.shape[1:3], load.margin)
    for frame, square in zip(frames, squares, strict=True):
        crop_square(frame, square, load.size)


def _load(path: str | Path, load: ClipLoad, begin: float) -> DecodedSpan:
    span = begin, begin + load.span_seconds
    return read_span(path, span, load.num_frames, load.sample_rate)
