"""Clips a second from prepared crops, by the number of workers of the data loader."""

import tempfile
import time
from collections import deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader, RandomSampler

from benchmarks.crops import face_of_filmed_clip
from benchmarks.filmed_clip import write_filmed_clip
from benchmarks.rows import Row, make_row
from benchmarks.settings import Settings
from benchmarks.timing import Call, measure_in_turns
from macbdf_mm.datasets import ClipRow, save_annotation
from macbdf_mm.datasets.audio_visual_forgery_dataset import AudioVisualForgeryDataset
from macbdf_mm.prepare.faces.face_crop import CropSettings, write_face_crop

NUM_WORKERS = (1, 2, 4)

_NUM_FILES = 4
_SOURCE_SECONDS = 6.0
_SOURCE_SIZE = (480, 854)
_BATCH_SIZE = 8
# Of a turn.
_NUM_CLIPS = 640
_NUM_QUICK_CLIPS = 160
_PIPELINE = (
    {"type": "SampleClipSpan", "span_seconds": 2.56},
    {"type": "DecodeAudioVisual", "num_frames": 16},
    {"type": "mmaction.Flip", "flip_ratio": 0.5},
    {"type": "PackForgeryInputs", "num_steps": 8},
)


def measure_workers(settings: Settings) -> Iterator[Row]:
    """Yield for each number of workers how many clips a second they give, on the wall.

    Each worker reads in a child process, as in training. All loaders take turns in every
    round; what starting them costs is left out.
    """
    num_clips = _NUM_QUICK_CLIPS if settings.is_quick else _NUM_CLIPS
    num_rounds = 3 if settings.is_quick else 7
    with tempfile.TemporaryDirectory() as folder:
        dataset = crops_dataset(Path(folder), settings.seed)
        loaders = {n: make_loader(dataset, n, num_clips, settings.seed) for n in NUM_WORKERS}
        # The first pass, which is not measured, starts the workers and their children.
        passes: dict[str, Call] = {
            str(n): partial(deque, loader, maxlen=0) for n, loader in loaders.items()
        }
        times = measure_in_turns(passes, time.perf_counter, num_rounds)
    rates = {n: [1e3 * num_clips / ms for ms in values] for n, values in times.items()}
    setting = f"mp4 crops of 224 pixels, batches of {_BATCH_SIZE}, wall time"
    for number, values in rates.items():
        what = f"clips a second, {number} worker{'s' * (number != '1')}"
        yield make_row(what, setting, "1 worker", values, rates["1"], unit="clips/s")


def crops_dataset(folder: Path, seed: int) -> AudioVisualForgeryDataset:
    """Return a data set of a few prepared mp4 crops, written into a folder."""
    rows = []
    for index in range(_NUM_FILES):
        source, file = folder / "filmed.mp4", f"crop_{index}.mp4"
        write_filmed_clip(source, _SOURCE_SECONDS, _SOURCE_SIZE, seed + index)
        track = face_of_filmed_clip(_SOURCE_SECONDS)
        written = write_face_crop(source, track, folder / file, CropSettings())
        length = written.end_seconds - written.start_seconds
        rows.append(ClipRow(file, 0, 0, 0, duration_seconds=length))
    save_annotation(folder / "annotation.json", {"dataset": "filmed clips"}, rows)
    return AudioVisualForgeryDataset("annotation.json", _PIPELINE, str(folder), seed=seed)


def make_loader(
    dataset: AudioVisualForgeryDataset, num_workers: int, num_clips: int, seed: int
) -> DataLoader[Any]:
    """Return a loader of random clips of the data set, as many as told an epoch."""
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(
        dataset,
        batch_size=_BATCH_SIZE,
        sampler=RandomSampler(dataset, True, num_clips, generator=generator),
        num_workers=num_workers,
        persistent_workers=True,
        collate_fn=pseudo_collate,
    )
