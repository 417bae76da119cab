"""How much faster prepared crops load than full frames that are cropped while loading."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from macbdf_mm.media.crop_square import crop_square
from macbdf_mm.media.probe import probe
from macbdf_mm.media.read_span import read_span
from macbdf_mm.prepare.faces.crop_settings import CropSettings
from macbdf_mm.prepare.faces.write_face_crop import write_face_crop
from macbdf_mm.structures.face_track import FaceTrack, squares_around
from macbdf_mm.structures.intervals import Interval

FULL = "full frames"


@dataclass(frozen=True)
class ClipLoad:
    """What is loaded each time.

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
    ways: dict[str, Callable[[float], None]] = {
        FULL: lambda begin: _load_full(path, track, load, start + begin),
        **{form: partial(_load_crop, file, load) for form, file in files.items()},
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
    span = _span(load, begin)
    frames = np.asarray(read_span(path, span, load.num_frames, load.sample_rate).frames)
    times = begin + (np.arange(load.num_frames) + 0.5) * load.span_seconds / load.num_frames
    boxes, _ = track.boxes_at(times)
    squares = squares_around(boxes, frames.shape[1:3], load.margin)
    for frame, square in zip(frames, squares, strict=True):
        crop_square(frame, square, load.size)


def _load_crop(path: Path, load: ClipLoad, begin: float) -> None:
    read_span(path, _span(load, begin), load.num_frames, load.sample_rate)


def _span(load: ClipLoad, begin: float) -> Interval:
    return begin, begin + load.span_seconds
