"""Loading prepared crops of a face against full frames that are cropped while loading."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.comparison import Comparison
from benchmarks.crop_speed import FULL, measure_crop_speed
from benchmarks.filmed_clip import write_filmed_clip
from benchmarks.row import Row, speed_row
from benchmarks.settings import Settings
from macbdf_mm.structures.face_track import FaceTrack


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
