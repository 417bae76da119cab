"""Scoring a phone clip and a long file, against decoding them once."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import av
import torch

from benchmarks.calls import build_training_model
from benchmarks.filmed_clip import write_repeated_clip
from benchmarks.peak_memory import peak_so_far_bytes
from benchmarks.report import Goal
from benchmarks.rows import Row, make_row
from benchmarks.settings import CPU, Settings
from benchmarks.timing import process_seconds
from macbdf_mm.apis.command_line import load_config
from macbdf_mm.apis.forgery_inferencer import ForgeryInferencer

CONFIG = Path(__file__).parents[1] / "configs" / "macbdf_demo.py"

_PHONE_SECONDS, _PHONE_SIZE, _PHONE_ROTATION = 40.0, (1080, 1920), 90
_LONG_SIZE = (720, 1280)
_SHORT_SECONDS, _LONG_SECONDS, _QUICK_SECONDS = 120.0, 3600.0, 600.0
_ONCE = "decoding it once"
LONG_FILE_GOALS = (
    Goal("phone_clip", "long_files", f"40 s of 1080p, the busier process / {_ONCE}", 2.0, True),
    Goal("long_file", "long_files", f"an hour of 720p, the busier process / {_ONCE}", 1.5, True),
    Goal("long_memory", "long_files", "peak memory of an hour / of 2 minutes", 1.2, True),
)


def measure_long_files(settings: Settings) -> Iterator[Row]:
    """Yield what scoring with the demo's model takes, in processor time, and in memory.

    A process decodes while another computes: on two idle cores the time on the wall is that of
    the busier of the two. Each file is scored once, after a short one that fills the caches.
    """
    cfg = load_config(CONFIG)
    seconds = _QUICK_SECONDS if settings.is_quick else _LONG_SECONDS
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "untrained.pth"
        torch.save(
            {"state_dict": build_training_model(cfg, settings.seed, CPU).state_dict()}, weights
        )
        inferencer = ForgeryInferencer(cfg, weights, "cpu", show_progress=False)
        phone, short, long = (Path(folder) / f"{name}.mp4" for name in ("phone", "short", "long"))
        write_repeated_clip(short, _SHORT_SECONDS, _LONG_SIZE, settings.seed)
        inferencer(short)
        short_bytes = _peak_bytes(inferencer)
        write_repeated_clip(long, seconds, _LONG_SIZE, settings.seed)
        yield from _times(inferencer, long, f"{seconds / 60:g} min of 720p", "long_file")
        yield make_row(
            "prediction for a long file, peak memory of both processes",
            f"{seconds / 60:g} min of 720p",
            f"{_SHORT_SECONDS / 60:g} min",
            [_peak_bytes(inferencer) / 1e6],
            [short_bytes / 1e6],
            unit="MB",
            is_cost=True,
            goal="long_memory",
        )
        write_repeated_clip(phone, _PHONE_SECONDS, _PHONE_SIZE, settings.seed, _PHONE_ROTATION)
        setting = f"{_PHONE_SECONDS:g} s of 1080p, turned"
        yield from _times(inferencer, phone, setting, "phone_clip")


def _times(inferencer: ForgeryInferencer, path: Path, setting: str, goal: str) -> Iterator[Row]:
    begin = time.process_time()
    decode_all(path)
    once = 1e3 * (time.process_time() - begin)
    process = inferencer._process
    begin, begin_of_child = time.process_time(), process.call(process_seconds, "")
    inferencer(path)
    own = 1e3 * (time.process_time() - begin)
    child = 1e3 * (process.call(process_seconds, "") - begin_of_child)
    for what, value, key in (
        ("prediction for a file, both processes", own + child, None),
        ("prediction for a file, the busier process", max(own, child), goal),
    ):
        yield make_row(what, setting, _ONCE, [value], [once], is_cost=True, goal=key)


def decode_all(path: Path) -> int:
    """Return how many pictures and pieces of sound a file has, all decoded with one thread."""
    count = 0
    with av.open(str(path)) as file:
        for stream in file.streams:
            stream.codec_context.thread_count = 1
        for packet in file.demux():
            count += len(packet.decode())
    return count


def _peak_bytes(inferencer: ForgeryInferencer) -> int:
    return peak_so_far_bytes("") + inferencer._process.call(peak_so_far_bytes, "")
