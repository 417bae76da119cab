"""Memory: the peak of a call, and what a process keeps of every clip that it reads."""

import ctypes
import gc
import multiprocessing
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Literal

import numpy as np

from benchmarks.decoding import NUM_FRAMES, STRIDE, DecordPipeline, own_span
from benchmarks.filmed_clip import FPS, SAMPLE_RATE
from benchmarks.rows import NotMeasuredError, Row, make_row
from benchmarks.timing import Call
from macbdf_mm.media.probe import probe
from macbdf_mm.media.read_span import read_span
from macbdf_mm.utils.local_engine import safe_path
from macbdf_mm.utils.progress import ProgressLine

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
# Resets the high-water mark of the resident memory, see proc_pid_clear_refs(5).
_RESET_PEAK = "5"

# What a clip may leave behind, in kB.
ALLOWANCE_KB = 30.0
# Read before counting begins: caches of the allocator and of the decoders fill up.
_NUM_WARM_UP_CLIPS = 30
_NUM_PARTS = 4

Reader = Literal["own", "decord"]


def peak_bytes(call: Call) -> int:
    """Return the peak memory of one call above the memory in use before it, in bytes.

    It is the resident memory of the process, which includes the scratch memory of libraries that
    PyTorch does not count.

    Args:
        call: What to run once; run it before, so that its caches are filled.

    Raises:
        NotMeasuredError: On systems that do not tell (any but Linux).
    """
    gc.collect()
    if not (sys.platform == "linux" and _CLEAR_REFS.exists()):
        raise NotMeasuredError("only Linux tells the peak of the resident memory")
    # What the allocator keeps of earlier calls would hide what this one needs.
    ctypes.CDLL(None).malloc_trim(0)
    _CLEAR_REFS.write_text(_RESET_PEAK)
    before = _status_bytes("VmRSS")
    call()
    return _status_bytes("VmHWM") - before


def _status_bytes(field: str) -> int:
    match = re.search(rf"^{field}:\s+(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
    if match is None:
        raise NotMeasuredError(f"{_STATUS} does not state {field}")
    return int(match[1]) * 1024


def measure_growth(path: Path, num_clips: int, seed: int) -> Iterator[Row]:
    """Yield what a clip leaves behind: against the allowance, and against mmaction2's pipeline.

    Args:
        path: A file of which random clips of 16 frames with their sound are read.
        num_clips: How many, after some that do not count.
        seed: Of the places.

    Raises:
        NotMeasuredError: On systems that do not tell the resident memory (any but Linux).
    """
    if not _STATUS.exists():
        raise NotMeasuredError("only Linux tells the resident memory")
    own, peer = (growth_by_part(reader, path, num_clips, seed) for reader in ("own", "decord"))
    what = f"memory growth a clip, over {num_clips} clips"
    setting = "480p, GOP 25, a process of its own, free memory given back"
    # Of the parts together: a part may shrink where the allocator gives memory back.
    for name, kb, goal in (
        ("the allowance", ALLOWANCE_KB, "memory_growth"),
        ("mmaction2 with decord", mean(peer), None),
    ):
        row = make_row(
            what, setting, name, own, [kb] * len(own), unit="kB", is_cost=True, goal=goal
        )
        yield replace(row, value=mean(own), ratio=mean(own) / kb)


def growth_by_part(reader: Reader, path: Path, num_clips: int, seed: int) -> list[float]:
    """Return by how many kB a new process grew with each clip, for each quarter of the clips.

    Arguments as :func:`measure_growth`; ``reader`` says who reads.
    """
    part = max(1, num_clips // _NUM_PARTS)
    sizes = [_NUM_WARM_UP_CLIPS] + [part] * _NUM_PARTS
    show = partial(ProgressLine("clips"), f"memory growth, {reader}")
    # Spawned: a forked process would begin with this one's memory.
    with safe_path():
        processes = multiprocessing.get_context("spawn").Pool(1)
    with processes as pool:
        resident: list[float] = []
        show(0, sum(sizes))
        for index, size in enumerate(sizes):
            try:
                kb = pool.apply(_read_clips, (reader, path, size, seed + 1000 * index))
            except ImportError as error:
                raise NotMeasuredError(f"{reader} is not installed: {error}") from error
            resident.append(kb)
            show(sum(sizes[: index + 1]), sum(sizes))
    return [float(step) / part for step in np.diff(resident)]


def _read_clips(reader: Reader, path: Path, num_clips: int, seed: int) -> float:
    """Read clips at random places and return the resident memory of this process, in kB."""
    if reader == "decord":
        pipeline = DecordPipeline()
        for index in range(num_clips):
            pipeline.read(path, seed + index)
    else:
        rng = np.random.default_rng(seed)
        last = int(probe(path).duration_seconds * FPS) - NUM_FRAMES * STRIDE
        for first in rng.integers(0, last + 1, num_clips):
            read_span(path, own_span(int(first)), NUM_FRAMES, SAMPLE_RATE)
    # The allocator keeps what was freed, now and then a whole clip of full frames (20 MB): given
    # back, so that one such step does not hide or feign growth. What leaks cannot be given back.
    ctypes.CDLL(None).malloc_trim(0)
    return _status_bytes("VmRSS") / 1000
